//! [`ErrorKind`] and the table of its names in each protocol.

/// Who is to blame for an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request.
    Sender,
    /// The server.
    Receiver,
}

impl Fault {
    /// The word in headers and XML.
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Sender => "Sender",
            Fault::Receiver => "Receiver",
        }
    }
}

/// An error that a client sees: what it is called and where it is explained is in [`WireError`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// The sentence for people.
    pub message: String,
}

impl WireError {
    /// An error of `kind` with the sentence `message`.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> WireError {
        WireError { kind, message: message.into() }
    }
}

macro_rules! error_kinds {
    ($($kind:ident: $json_type:literal, $query_code:literal, $status:literal;)*) => {
        /// Every error of the API.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorKind {
            $(#[doc = concat!("`", $query_code, "`, HTTP status ", $status)] $kind,)*
        }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &[ErrorKind] = &[$(ErrorKind::$kind,)*];

            /// The `__type` of the JSON protocol, with its namespace.
            pub fn json_type(self) -> &'static str {
                match self { $(ErrorKind::$kind => $json_type,)* }
            }

            /// The code of the Query protocol, which is also the first part of the header
            /// `x-amzn-query-error`.
            pub fn query_code(self) -> &'static str {
                match self { $(ErrorKind::$kind => $query_code,)* }
            }

            /// The HTTP status.
            pub fn http_status(self) -> u16 {
                match self { $(ErrorKind::$kind => $status,)* }
            }
        }
    };
}

error_kinds! {
    BatchEntryIdsNotDistinct: "com.amazonaws.sqs#BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400;
    BatchRequestTooLong: "com.amazonaws.sqs#BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400;
    EmptyBatchRequest: "com.amazonaws.sqs#EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400;
    InvalidAddress: "com.amazonaws.sqs#InvalidAddress", "InvalidAddress", 404;
    InvalidAttributeName: "com.amazonaws.sqs#InvalidAttributeName", "InvalidAttributeName", 400;
    InvalidAttributeValue: "com.amazonaws.sqs#InvalidAttributeValue", "InvalidAttributeValue", 400;
    InvalidBatchEntryId: "com.amazonaws.sqs#InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400;
    InvalidMessageContents: "com.amazonaws.sqs#InvalidMessageContents", "InvalidMessageContents", 400;
    InvalidSecurity: "com.amazonaws.sqs#InvalidSecurity", "InvalidSecurity", 403;
    MessageNotInflight: "com.amazonaws.sqs#MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400;
    OverLimit: "com.amazonaws.sqs#OverLimit", "OverLimit", 403;
    PurgeQueueInProgress: "com.amazonaws.sqs#PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403;
    QueueDeletedRecently: "com.amazonaws.sqs#QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400;
    QueueDoesNotExist: "com.amazonaws.sqs#QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400;
    QueueNameExists: "com.amazonaws.sqs#QueueNameExists", "QueueAlreadyExists", 400;
    ReceiptHandleIsInvalid: "com.amazonaws.sqs#ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404;
    RequestThrottled: "com.amazonaws.sqs#RequestThrottled", "RequestThrottled", 403;
    ResourceNotFound: "com.amazonaws.sqs#ResourceNotFoundException", "ResourceNotFoundException", 404;
    TooManyEntriesInBatchRequest: "com.amazonaws.sqs#TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400;
    UnsupportedOperation: "com.amazonaws.sqs#UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400;
    InvalidParameterValue: "com.amazon.coral.service#InvalidParameterValueException", "InvalidParameterValue", 400;
    MissingParameter: "com.amazon.coral.service#MissingRequiredParameterException", "MissingParameter", 400;
    MalformedInput: "com.amazon.coral.service#SerializationException", "MalformedInput", 400;
    UnknownOperation: "com.amazon.coral.service#UnknownOperationException", "InvalidAction", 400;
    RequestEntityTooLarge: "com.amazon.coral.service#RequestEntityTooLargeException", "RequestEntityTooLarge", 413;
    AccessDenied: "com.amazon.coral.service#AccessDeniedException", "AccessDenied", 403;
    Throttling: "com.amazon.coral.service#ThrottlingException", "Throttling", 400;
    InternalFailure: "com.amazon.coral.service#InternalFailure", "InternalFailure", 500;
    ServiceUnavailable: "com.amazon.coral.service#ServiceUnavailableException", "ServiceUnavailable", 503;
}

impl ErrorKind {
    /// The code of an entry that failed in a batch: the query code without its prefix.
    pub fn entry_code(self) -> &'static str {
        let code = self.query_code();
        code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
    }

    /// Who is to blame.
    pub fn fault(self) -> Fault {
        if self.http_status() >= 500 { Fault::Receiver } else { Fault::Sender }
    }

    /// The value of the header `x-amzn-query-error`, from which SDKs read the code.
    pub fn query_error_header(self) -> String {
        format!("{};{}", self.query_code(), self.fault().as_str())
    }
}
