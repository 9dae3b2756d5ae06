//! `Formiga.ExplainAccess`: whether somebody may do something, and which statement decides it.
//!
//! What decides about real requests is asked here, by [`Access::ask`], and tells more than yes or no.
//! The answer is about the caller's own account: of another one it tells no more than a try would.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use formiga_auth::caller::{Caller, Service, Session, User};
use formiga_auth::evaluate::{
    self, Decision, Element, NamedPolicy, Place, Policies, Request, Rule, Verdict,
};
use formiga_auth::policy::{Effect, Policy, PolicyKind};
use formiga_engine::names::{AccountId, QueueKey};
use formiga_wire::error::{ErrorKind, quoted};
use formiga_wire::formiga::{ExplainAccessInput, ExplainAccessOutput, ExplainedStatement};

use crate::authorization::{Access, Action, Conditions, all_queues, own_resource};
use crate::context::Context;
use crate::error::{self, ApiError};
use crate::identities::{Kind, Principal, State};
use crate::queues::QueueHandle;

const ACTION: &str = "ExplainAccess";

/// Tells whether somebody may do something, and why. A principal or a resource of the caller's
/// own account has to be asked about: about what concerns others alone, nobody may ask here.
pub(crate) fn explain_access(
    ctx: &Context,
    input: &ExplainAccessInput,
) -> Result<ExplainAccessOutput, ApiError> {
    let access = ctx.access.as_ref().ok_or_else(error::nobody_is_checked)?;
    let own = ctx.caller.account;
    ctx.authorize_own_of(own, ACTION)?;
    let action = parse_action(input.action.as_deref())?;
    let resource = Resource::parse(ctx, &action, input.resource.as_deref())?;
    let subject = Subject::parse(access, input)?;
    let is_own_resource = resource.account == own;
    if !is_own_resource && subject.account != Some(own) {
        ctx.authorize_own_of(resource.account, ACTION)?;
    }
    let given = parse_context(input.context.as_ref(), &subject)?;
    if !is_own_resource && !given.is_empty() {
        let reason = "A resource of another account is asked about as this request is, with no other context.";
        return Err(error::invalid("Context", "", reason));
    }
    let is_own_side_assumed = subject.account != Some(own) && subject.has_policies();
    let principal = subject.principal(is_own_side_assumed);
    let access = Access { principal: Arc::new(principal), ..access.clone() };
    let view = View { is_own_resource, is_own_side_assumed };
    let add = |conditions: &mut Conditions| {
        for (key, values) in given {
            let mut values = values.iter();
            values.next().into_iter().for_each(|value| conditions.set(key, value));
            values.for_each(|value| conditions.add(key, value));
        }
    };
    Ok(resource.ask(ctx, &access, &action, add, |request, policies| view.tell(request, policies)))
}

/// A permission, written as policies mean it.
fn parse_action(name: Option<&str>) -> Result<String, ApiError> {
    let name = name.ok_or_else(|| error::missing("Action"))?;
    let invalid = |reason: &str| error::invalid("Action", name, reason);
    let full = if name.contains(':') { name.to_owned() } else { format!("sqs:{name}") };
    let (service, action) = full.split_once(':').expect("there is a colon");
    let is_word = !action.is_empty() && action.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match service.to_ascii_lowercase().as_str() {
        "sqs" => match Action::parse(&full) {
            Some(action) => Ok(action.as_str().to_owned()),
            None if action.to_ascii_lowercase().ends_with("batch") => {
                Err(invalid("A batch needs the permission of its single action."))
            }
            None => Err(invalid("SQS has no such permission.")),
        },
        "sts" if action.eq_ignore_ascii_case("AssumeRole") => Ok(ASSUME_ROLE.to_owned()),
        "sts" => Err(invalid("Of STS, only AssumeRole needs a permission.")),
        service @ ("iam" | "formiga") if is_word => Ok(format!("{service}:{action}")),
        _ => Err(invalid("Must be a permission of sqs, iam, sts or formiga, without wildcards.")),
    }
}

const ASSUME_ROLE: &str = "sts:AssumeRole";

/// For which of its resources a service acts, and whose that is.
const SOURCE_ARN: &str = "aws:SourceArn";
const SOURCE_ACCOUNT: &str = "aws:SourceAccount";

/// The keys that are given and their values. What follows from who asks for what is not.
fn parse_context<'a>(
    given: Option<&'a BTreeMap<String, Vec<String>>>,
    subject: &Subject,
) -> Result<Vec<(&'a str, &'a [String])>, ApiError> {
    let is_service = matches!(subject.principal.caller, Caller::Service(_));
    let is_source = |key: &str| is_service && [SOURCE_ARN, SOURCE_ACCOUNT].contains(&key);
    let given = given.into_iter().flatten().filter(|(key, _)| !is_source(key));
    let checked = given.map(|(key, values)| {
        let invalid = |reason| Err(error::invalid("Context", key, reason));
        match () {
            () if !Conditions::is_settable(key) => {
                invalid("This key follows from the principal and the resource.")
            }
            () if key.is_empty() || values.is_empty() => invalid("A key has at least one value."),
            () => Ok((key.as_str(), values.as_slice())),
        }
    });
    checked.collect()
}

/// What something is done with.
struct Resource {
    /// None for what is no queue.
    queue: Option<QueueKey>,
    arn: String,
    account: AccountId,
}

impl Resource {
    fn parse(ctx: &Context, action: &str, text: Option<&str>) -> Result<Resource, ApiError> {
        let (region, own) = (ctx.caller.region.as_str(), ctx.caller.account);
        let whole = |arn: String, account| Resource { queue: None, arn, account };
        let is_about_queues = action.starts_with("sqs:");
        let text = match (text, action) {
            (None, "sqs:ListQueues") => return Ok(whole(all_queues(region, own), own)),
            (None, action) if action.starts_with("formiga:") => {
                let owner = if action.ends_with(ACTION) { own } else { AccountId::DEFAULT };
                return Ok(whole(own_resource(region, owner), owner));
            }
            (text, _) => text.ok_or_else(|| error::missing("Resource"))?,
        };
        let key = match text {
            _ if !is_about_queues || action == "sqs:ListQueues" => None,
            arn if arn.starts_with("arn:") => QueueKey::parse_arn(arn).ok(),
            url => ctx.caller.queue_at(url),
        };
        if let Some(key) = key {
            let (arn, account) = (key.arn().to_string(), key.account);
            return Ok(Resource { queue: Some(key), arn, account });
        }
        let is_fit = !is_about_queues || action == "sqs:ListQueues";
        match account_of(text).filter(|_| is_fit) {
            Some(account) => Ok(whole(text.to_owned(), account)),
            None => {
                let reason = match is_about_queues {
                    true => "Must be the ARN, the URL or the name of a queue.",
                    false => "Must be an ARN.",
                };
                Err(error::invalid("Resource", text, reason))
            }
        }
    }

    /// What `tell` makes of it all, together with what conditions compared.
    fn ask<T>(
        &self,
        ctx: &Context,
        access: &Access,
        action: &str,
        add: impl FnOnce(&mut Conditions),
        tell: impl FnOnce(&Request<'_>, &Policies<'_>) -> T,
    ) -> T {
        let region = ctx.caller.region.as_str();
        if let (Some(key), Some(action)) = (&self.queue, Action::parse(action)) {
            let queue = ctx.queues.find(key);
            let entry = queue.as_ref().map(QueueHandle::entry);
            return access.ask_about_queue(action, key, entry, key.region.as_str(), add, tell);
        }
        let is_identity = self.arn.contains(":iam:") && action.starts_with("iam:");
        let mut conditions = match is_identity {
            true => access.conditions_on_identity(region, &self.arn),
            false => access.conditions(region),
        };
        add(&mut conditions);
        let entity = access.identities.read().by_arn(&self.arn).cloned();
        let role = entity.as_ref().and_then(|entity| entity.role.as_ref());
        let trust = role.filter(|_| action == ASSUME_ROLE).map(|role| &role.trust);
        access.ask(action, &self.arn, self.account, trust, &conditions, tell)
    }
}

fn account_of(arn: &str) -> Option<AccountId> {
    match arn.splitn(6, ':').collect::<Vec<_>>()[..] {
        ["arn", _, _, _, account, _] => AccountId::parse(account).ok(),
        _ => None,
    }
}

/// Who does something.
struct Subject {
    /// The account that they are of, if any.
    account: Option<AccountId>,
    principal: Principal,
}

impl Subject {
    fn parse(access: &Access, input: &ExplainAccessInput) -> Result<Subject, ApiError> {
        let principal = match input.principal.as_deref() {
            None => Principal::clone(&access.principal),
            Some("*") => Principal::anonymous(),
            Some(name) if name.ends_with(".amazonaws.com") => service(name, input),
            Some(text) => {
                let own = access.principal.account;
                principal_called(text, own, &access.identities.read())?
            }
        };
        let account = principal.caller.account().and_then(|account| AccountId::parse(account).ok());
        Ok(Subject { account, principal })
    }

    /// Whether an account's policies say what this one may do: not for a root, nor outside accounts.
    fn has_policies(&self) -> bool {
        matches!(self.principal.caller, Caller::User(_) | Caller::Session(_))
    }

    /// Policies and tags of another account are not for the caller to learn, not even from how a
    /// decision turns out.
    fn principal(self, is_own_side_assumed: bool) -> Principal {
        if is_own_side_assumed {
            let (policies, tags) = (ALLOW_ALL.clone(), Arc::default());
            Principal { policies, tags, session: None, ..self.principal }
        } else {
            self.principal
        }
    }
}

/// What another account's own policies are taken to be.
static ALLOW_ALL: LazyLock<Arc<[NamedPolicy]>> = LazyLock::new(|| {
    let allow =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = Policy::parse_iam(PolicyKind::Identity, allow).expect("the policy is one");
    Arc::from([NamedPolicy { name: String::new(), policy }])
});

/// A service, which acts for what the context names.
fn service(name: &str, input: &ExplainAccessInput) -> Principal {
    let value = |key: &str| input.context.as_ref()?.get(key)?.first().cloned();
    let caller = Caller::Service(Service {
        name: name.to_owned(),
        source_arn: value(SOURCE_ARN),
        source_account: value(SOURCE_ACCOUNT),
    });
    Principal { caller, ..Principal::anonymous() }
}

/// The session that a role is asked about in, if none is named.
const SESSION: &str = "session";

/// Who has this ARN. Whoever of the account `own` is asked about exists; of other accounts, nobody
/// learns who does.
fn principal_called(text: &str, own: AccountId, state: &State) -> Result<Principal, ApiError> {
    let unknown = || {
        let reason =
            "Must be the ARN of a user, role, session or root, 12 digits, a service, or *.";
        error::invalid("Principal", text, reason)
    };
    if let Ok(account) = AccountId::parse(text) {
        return Ok(Principal::root(account));
    }
    let account = account_of(text).ok_or_else(unknown)?;
    let rest = text.splitn(6, ':').nth(5).unwrap_or_default();
    let (path, session) = match rest.split_once('/') {
        None if rest == "root" => return Ok(Principal::root(account)),
        Some(("user", path)) => (path, None),
        Some(("role", path)) => (path, Some(SESSION)),
        Some(("assumed-role", path)) => {
            let (role, session) = path.split_once('/').ok_or_else(unknown)?;
            (role, Some(session))
        }
        _ => return Err(unknown()),
    };
    let is_session = rest.starts_with("assumed-role/");
    let known = match is_session {
        true => state.entity(Kind::Role, account, path),
        false => state.by_arn(text),
    };
    match known.and_then(|entity| entity.called(session)) {
        Some(principal) => Ok(principal),
        None if account == own => {
            let message = format!("The principal {} cannot be found.", quoted(text));
            Err(ApiError::new(ErrorKind::NoSuchEntity, message))
        }
        None => Ok(stranger(account, path, session)),
    }
}

/// Somebody of whom nothing is known but the ARN.
fn stranger(account: AccountId, path: &str, session: Option<&str>) -> Principal {
    let (path, name) = path
        .rsplit_once('/')
        .map_or(("/".to_owned(), path), |(path, name)| (format!("/{path}/"), name));
    let (name, nobody, of) = (name.to_owned(), String::new(), account.to_string());
    let caller = match session {
        None => Caller::User(User { account: of, path, name, unique_id: nobody }),
        Some(session) => Caller::Session(Session {
            account: of,
            role_path: path,
            role_name: name,
            role_id: nobody,
            name: session.to_owned(),
        }),
    };
    Principal { caller, ..Principal::root(account) }
}

/// What of a decision its reader may see.
#[derive(Clone, Copy)]
struct View {
    is_own_resource: bool,
    is_own_side_assumed: bool,
}

impl View {
    fn tell(self, request: &Request<'_>, policies: &Policies<'_>) -> ExplainAccessOutput {
        let decision = match request.action {
            ASSUME_ROLE => evaluate::evaluate_assume_role(request, policies),
            _ => evaluate::evaluate(request, policies),
        };
        let traces = evaluate::explain(request, policies).into_iter();
        let visible = traces.filter(|trace| self.may_see(trace.place));
        let statements = visible.map(|trace| {
            let place = trace.place;
            ExplainedStatement {
                policy_type: kind_text(place.kind).to_owned(),
                policy_name: place.policy.map(str::to_owned),
                index: place.index,
                sid: place.sid.map(str::to_owned),
                effect: effect_text(trace.effect).to_owned(),
                applies: trace.unmatched.is_none(),
                unmatched: trace.unmatched.map(|element| element_text(element).to_owned()),
                condition_key: match trace.unmatched {
                    Some(Element::Condition(key)) => Some(key.to_owned()),
                    _ => None,
                },
                is_deciding: [decision.place, decision.own_place].contains(&Some(place)),
            }
        });
        let is_tellable = |key: &str| self.is_own_resource || !key.starts_with("aws:resourcetag/");
        let context = request.context.iter().filter(|(key, _)| is_tellable(key));
        ExplainAccessOutput {
            is_allowed: decision.is_allowed(),
            decided_by: rule_text(&decision).to_owned(),
            missing: match decision.verdict {
                Verdict::NotAllowed(kind) if decision.rule != Rule::OwnerOnly => {
                    Some(kind_text(kind).to_owned())
                }
                _ => None,
            },
            reason: self.reason(&decision),
            is_own_side_assumed: self.is_own_side_assumed,
            principal: principal_text(request.caller),
            action: request.action.to_owned(),
            resource: request.resource.to_owned(),
            context: context.map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
            statements: statements.collect(),
        }
    }

    /// A policy is for its own account to read.
    fn may_see(self, place: Place<'_>) -> bool {
        match place.kind {
            PolicyKind::Queue | PolicyKind::Trust => self.is_own_resource,
            PolicyKind::Identity | PolicyKind::Session => !self.is_own_side_assumed,
        }
    }

    fn reason(self, decision: &Decision<'_>) -> String {
        let mut reason = match (decision.verdict, decision.rule) {
            (Verdict::Denied(kind), _) => {
                let kind = policy_text(kind);
                format!("A statement of {kind} denies it, and a denial wins over all that allows it.")
            }
            (_, Rule::OwnerOnly) => {
                "Only the account that owns the queue may do this, whatever policies say.".to_owned()
            }
            (Verdict::Allowed, Rule::Root) if decision.place.is_none() => {
                "The root of the account that owns the resource may do everything.".to_owned()
            }
            (Verdict::Allowed, Rule::OtherAccount) => {
                "Between accounts both sides have to allow it: the resource's policy does, and so does an identity policy."
                    .to_owned()
            }
            (Verdict::Allowed, _) => {
                let kind = decision.place.map_or(PolicyKind::Identity, |place| place.kind);
                format!("A statement of {} allows it.", policy_text(kind))
            }
            (Verdict::NotAllowed(kind), Rule::OtherAccount) => {
                let missing = policy_text(kind);
                format!("Between accounts both sides have to allow it, and no statement of {missing} does.")
            }
            (Verdict::NotAllowed(kind), _) => {
                format!("No statement of {} allows it.", policy_text(kind))
            }
        };
        if self.is_own_side_assumed {
            reason += " The other account's own policies, which are not told here, are taken to allow it.";
        }
        reason
    }
}

/// The kind of rule that decided.
fn rule_text(decision: &Decision<'_>) -> &'static str {
    match (decision.verdict, decision.rule) {
        (Verdict::Denied(_), _) => "ExplicitDeny",
        (_, Rule::OwnerOnly) => "OwnerOnly",
        (_, Rule::OtherAccount) => "BothAccounts",
        (Verdict::Allowed, Rule::Root) if decision.place.is_none() => "Root",
        (Verdict::Allowed, _) => match decision.place.map(|place| place.kind) {
            Some(PolicyKind::Queue) => "ResourcePolicy",
            Some(PolicyKind::Trust) => "TrustPolicy",
            Some(PolicyKind::Session) => "SessionPolicy",
            Some(PolicyKind::Identity) | None => "IdentityPolicy",
        },
        (Verdict::NotAllowed(PolicyKind::Session), _) => "SessionPolicy",
        (Verdict::NotAllowed(_), _) => "Default",
    }
}

fn kind_text(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "Identity",
        PolicyKind::Session => "Session",
        PolicyKind::Queue => "Resource",
        PolicyKind::Trust => "Trust",
    }
}

fn policy_text(kind: PolicyKind) -> &'static str {
    match kind {
        PolicyKind::Identity => "an identity policy",
        PolicyKind::Session => "the session's policy",
        PolicyKind::Queue => "the resource's policy",
        PolicyKind::Trust => "the role's trust policy",
    }
}

fn effect_text(effect: Effect) -> &'static str {
    match effect {
        Effect::Allow => "Allow",
        Effect::Deny => "Deny",
    }
}

fn element_text(element: Element<'_>) -> &'static str {
    match element {
        Element::Principal => "Principal",
        Element::Action => "Action",
        Element::Resource => "Resource",
        Element::Condition(_) => "Condition",
    }
}

fn principal_text(caller: &Caller) -> String {
    match caller {
        Caller::Anonymous => "*".to_owned(),
        Caller::Service(service) => service.name.clone(),
        caller => caller.arn().unwrap_or_default(),
    }
}
