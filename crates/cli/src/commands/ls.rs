use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use clap::Args;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::connect::Connection;
use crate::error::CliError;
use crate::output::{Output, table};
use crate::queue_ref::name_of_url;
use crate::timestamp;

/// The most queues that one page of ListQueues lists.
const PAGE: i32 = 1000;

/// How many queues are asked for their counts at the same time.
const AT_ONCE: usize = 16;

/// List queues and count their messages.
///
/// With --json: a line for each queue with name, url, visible, in_flight, delayed and created.
#[derive(Args, Debug)]
pub(crate) struct LsArgs {
    /// List only queues whose names begin with this.
    prefix: Option<String>,

    /// Print names only, without asking each queue for its counts.
    #[arg(long)]
    names: bool,
}

/// A queue of the list. What it did not tell is unknown.
struct Row {
    url: String,
    attributes: HashMap<Name, String>,
}

pub(crate) async fn ls(
    connection: &Connection,
    args: &LsArgs,
    output: Output,
) -> Result<(), CliError> {
    let client = &connection.client;
    let request = client.list_queues().set_queue_name_prefix(args.prefix.clone());
    let mut pages = request.max_results(PAGE).into_paginator().send();
    let mut rows = Vec::new();
    while let Some(page) = pages.next().await {
        let urls = page?.queue_urls.unwrap_or_default();
        let page = match args.names {
            true => urls.into_iter().map(|url| Row { url, attributes: HashMap::new() }).collect(),
            false => counted(client, urls).await?,
        };
        for row in page {
            match (output.json, args.names) {
                (true, true) => output.line(&row.name_to_json().to_string())?,
                (true, false) => output.line(&row.to_json().to_string())?,
                (false, true) => output.line(name_of_url(&row.url))?,
                (false, false) => rows.push(row),
            }
        }
    }
    if output.json || args.names {
        return Ok(());
    }
    if rows.is_empty() {
        output.remark(&format!("There are no such queues at {}.", connection.place));
        return Ok(());
    }
    let titles = ["NAME", "VISIBLE", "IN FLIGHT", "DELAYED", "CREATED"].map(str::to_owned).to_vec();
    let cells: Vec<_> = std::iter::once(titles).chain(rows.iter().map(Row::cells)).collect();
    output.line(&table(&cells, &[false, true, true, true, false]))
}

/// Asks each queue for its counts, a few at a time. A queue that was deleted meanwhile is left out.
async fn counted(client: &Client, urls: Vec<String>) -> Result<Vec<Row>, CliError> {
    let permits = Arc::new(Semaphore::new(AT_ONCE));
    let ask = |url: String| -> JoinHandle<Result<Row, CliError>> {
        let (client, permits) = (client.clone(), Arc::clone(&permits));
        tokio::spawn(async move {
            let _permit = permits.acquire().await.expect("the semaphore stays open");
            count(&client, url).await
        })
    };
    let asked: Vec<_> = urls.into_iter().map(ask).collect();
    let mut rows = Vec::new();
    for row in asked {
        match row.await.expect("counting does not panic") {
            Ok(row) => rows.push(row),
            Err(error) if error.code == "QueueDoesNotExist" => {}
            Err(error) => return Err(error),
        }
    }
    Ok(rows)
}

async fn count(client: &Client, url: String) -> Result<Row, CliError> {
    let names = [
        Name::ApproximateNumberOfMessages,
        Name::ApproximateNumberOfMessagesNotVisible,
        Name::ApproximateNumberOfMessagesDelayed,
        Name::CreatedTimestamp,
    ];
    let request = client.get_queue_attributes().queue_url(&url);
    let answer = request.set_attribute_names(Some(names.to_vec())).send().await;
    match answer.map_err(CliError::from) {
        Ok(answer) => Ok(Row { url, attributes: answer.attributes.unwrap_or_default() }),
        // A queue may be listed to those who must not look into it.
        Err(error) if error.code.starts_with("AccessDenied") => {
            Ok(Row { url, attributes: HashMap::new() })
        }
        Err(error) => Err(error),
    }
}

impl Row {
    fn number(&self, name: &Name) -> Option<u64> {
        self.attributes.get(name)?.parse().ok()
    }

    fn numbers(&self) -> [Option<u64>; 3] {
        [
            Name::ApproximateNumberOfMessages,
            Name::ApproximateNumberOfMessagesNotVisible,
            Name::ApproximateNumberOfMessagesDelayed,
        ]
        .map(|name| self.number(&name))
    }

    fn created(&self) -> Option<String> {
        self.attributes.get(&Name::CreatedTimestamp).and_then(|text| timestamp::of_seconds(text))
    }

    fn cells(&self) -> Vec<String> {
        let unknown = || "-".to_owned();
        let numbers = self.numbers().map(|number| number.map_or_else(unknown, |n| n.to_string()));
        let [visible, in_flight, delayed] = numbers;
        let created = self.created().unwrap_or_else(unknown);
        vec![name_of_url(&self.url).to_owned(), visible, in_flight, delayed, created]
    }

    fn name_to_json(&self) -> Value {
        json!({ "name": name_of_url(&self.url), "url": self.url })
    }

    fn to_json(&self) -> Value {
        let [visible, in_flight, delayed] = self.numbers();
        json!({
            "name": name_of_url(&self.url),
            "url": self.url,
            "visible": visible,
            "in_flight": in_flight,
            "delayed": delayed,
            "created": self.created(),
        })
    }
}
