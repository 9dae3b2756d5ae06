//! [`ErrorKind`] and the table of its names in each protocol.

use std::fmt;

/// An error as a client sees it, whatever the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WireError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// The sentence for people.
    pub message: String,
}

impl WireError {
    /// An error of `kind` with the sentence `message`. Sentences quote what was sent; one that would
    /// become very long by that ends in an ellipsis.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> WireError {
        let mut message = message.into();
        if message.len() > MESSAGE_BYTES_MAX {
            let end = (0..=MESSAGE_BYTES_MAX).rev().find(|at| message.is_char_boundary(*at));
            message.truncate(end.unwrap_or_default());
            message.push('…');
        }
        WireError { kind, message }
    }

    /// The sentence as the Query protocol has it, where old clients know another one.
    pub fn query_message(&self) -> &str {
        match (self.kind, &*self.message) {
            (ErrorKind::QueueDoesNotExist, QUEUE_DOES_NOT_EXIST) => QUEUE_DOES_NOT_EXIST_QUERY,
            // Lists and maps are called by an element's name there.
            (ErrorKind::MissingParameter, "The request must contain the parameter Actions.") => {
                "The request must contain the parameter ActionName."
            }
            (ErrorKind::MissingParameter, "The request must contain the parameter Attributes.") => {
                "The request must contain the parameter Attribute.Name."
            }
            (_, message) => message,
        }
    }
}

/// `value` as sentences quote it: cut, with an ellipsis, where it is longer than any that is meant,
/// so that what is said about it is still read.
pub fn quoted(value: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| match value.char_indices().nth(QUOTED_CHARACTERS_MAX) {
        Some((end, _)) => write!(f, "{}…", &value[..end]),
        None => f.write_str(value),
    })
}

/// Receipt handles and ids are shorter.
const QUOTED_CHARACTERS_MAX: usize = 1024;

/// A quoted policy of 8 KiB fits.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// What SQS says when there is no such queue.
pub const QUEUE_DOES_NOT_EXIST: &str = "The specified queue does not exist.";

const QUEUE_DOES_NOT_EXIST_QUERY: &str =
    "The specified queue does not exist for this wsdl version.";

impl fmt::Display for WireError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.query_code(), self.message)
    }
}

impl std::error::Error for WireError {}

/// Who is to blame for an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request. Sending it again does not help.
    Sender,
    /// The server. SDKs send the request again.
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

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident,)*) => {
        /// Every error of the API. Kinds of the SQS model carry the model's name; the errors that
        /// all AWS services share carry their query code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorKind { $($(#[$doc])* $kind,)* }

        impl ErrorKind {
            /// Every kind.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$kind,)*];
        }
    };
}

kinds! {
    /// Two entries of a batch have the same id.
    BatchEntryIdsNotDistinct,
    /// The messages of a batch are together longer than a batch may be.
    BatchRequestTooLong,
    /// A batch has no entries.
    EmptyBatchRequest,
    /// A queue URL is not one of this endpoint.
    InvalidAddress,
    /// A queue, system or message attribute name is not known, or not settable.
    InvalidAttributeName,
    /// A queue attribute has a value it cannot take.
    InvalidAttributeValue,
    /// The id of a batch's entry is empty, too long, or has other characters than letters, digits,
    /// `-` and `_`.
    InvalidBatchEntryId,
    /// A receipt handle is not valid for the current version. SQS deprecated this error.
    InvalidIdFormat,
    /// A body has characters outside the set that SQS accepts.
    InvalidMessageContents,
    /// The request must be made over HTTPS, or be signed with SigV4.
    InvalidSecurity,
    /// The caller may not use the queue's KMS key.
    KmsAccessDenied,
    /// The queue's KMS key is disabled.
    KmsDisabled,
    /// The queue's KMS key is not for this use.
    KmsInvalidKeyUsage,
    /// The state of the queue's KMS key does not allow the request.
    KmsInvalidState,
    /// The queue's KMS key does not exist.
    KmsNotFound,
    /// The caller needs a subscription for the queue's KMS key.
    KmsOptInRequired,
    /// KMS throttled the request.
    KmsThrottled,
    /// The message is not in flight, so its visibility timeout cannot change.
    MessageNotInflight,
    /// A quota is used up, such as that of messages in flight.
    OverLimit,
    /// The queue was purged less than 60 seconds ago.
    PurgeQueueInProgress,
    /// A queue of this name was deleted less than 60 seconds ago.
    QueueDeletedRecently,
    /// The queue does not exist.
    QueueDoesNotExist,
    /// A queue of this name exists with other attributes.
    QueueNameExists,
    /// The receipt handle is not one of this queue.
    ReceiptHandleIsInvalid,
    /// The caller sends more requests than the action allows.
    RequestThrottled,
    /// A resource that the request names, such as a message move task, does not exist.
    ResourceNotFound,
    /// A batch has more than 10 entries.
    TooManyEntriesInBatchRequest,
    /// The action cannot be used like this.
    UnsupportedOperation,
    /// A parameter has a value it cannot take.
    InvalidParameterValue,
    /// A required parameter is missing.
    MissingParameter,
    /// The body of the request is not JSON, or a member has the wrong JSON type.
    MalformedInput,
    /// The request names no action, or one that does not exist.
    UnknownOperation,
    /// The body of the request is larger than the server reads.
    RequestEntityTooLarge,
    /// The caller is not allowed to do this, or did not sign the request.
    AccessDenied,
    /// The access key or the session token is not known.
    InvalidClientTokenId,
    /// The signature is wrong, or its date too far from now.
    SignatureDoesNotMatch,
    /// The `Authorization` header cannot be read.
    IncompleteSignature,
    /// The session token has expired.
    ExpiredToken,
    /// The request is not signed, and the service answers nobody who is unknown.
    MissingAuthenticationToken,
    /// A parameter of IAM or STS does not satisfy its constraint.
    ValidationError,
    /// There is no such user, role, policy or key.
    NoSuchEntity,
    /// There is such a user or role already.
    EntityAlreadyExists,
    /// A quota of IAM is used up.
    LimitExceeded,
    /// What is to be deleted still has something.
    DeleteConflict,
    /// The policy is none.
    MalformedPolicyDocument,
    /// A parameter of IAM has a value that makes no sense.
    InvalidInput,
    /// Who is to be changed stands in the configuration.
    UnmodifiableEntity,
    /// The session's policy does not fit into its token.
    PackedPolicyTooLarge,
    /// The caller sends too many requests.
    Throttling,
    /// A fault of the server.
    InternalFailure,
    /// The server cannot take the request right now.
    ServiceUnavailable,
}

impl ErrorKind {
    /// The `__type` of AWS JSON, with its namespace.
    pub fn json_type(self) -> &'static str {
        self.codes().json_type
    }

    /// The code of the Query protocol, which is also what SDKs read from the header
    /// `x-amzn-query-error`.
    pub fn query_code(self) -> &'static str {
        self.codes().query_code
    }

    /// The code of a `BatchResultErrorEntry`: the query code without the prefix
    /// `AWS.SimpleQueueService.`.
    pub fn entry_code(self) -> &'static str {
        let code = self.query_code();
        code.strip_prefix("AWS.SimpleQueueService.").unwrap_or(code)
    }

    /// The HTTP status.
    pub fn http_status(self) -> u16 {
        self.codes().http_status
    }

    /// Who is to blame: the receiver for a 5xx, the sender for the rest.
    pub fn fault(self) -> Fault {
        if self.http_status() >= 500 { Fault::Receiver } else { Fault::Sender }
    }

    /// The value of the header `x-amzn-query-error`, such as
    /// `AWS.SimpleQueueService.NonExistentQueue;Sender`.
    pub fn query_error_header(self) -> String {
        format!("{};{}", self.query_code(), self.fault().as_str())
    }

    /// The table. Errors of the SQS model live in another namespace than those that all AWS
    /// services share.
    #[rustfmt::skip]
    fn codes(self) -> Codes {
        use ErrorKind::*;
        match self {
            BatchEntryIdsNotDistinct => sqs!("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400),
            BatchRequestTooLong => sqs!("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400),
            EmptyBatchRequest => sqs!("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400),
            InvalidAddress => sqs!("InvalidAddress", "InvalidAddress", 404),
            InvalidAttributeName => sqs!("InvalidAttributeName", "InvalidAttributeName", 400),
            InvalidAttributeValue => sqs!("InvalidAttributeValue", "InvalidAttributeValue", 400),
            InvalidBatchEntryId => sqs!("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400),
            InvalidIdFormat => sqs!("InvalidIdFormat", "InvalidIdFormat", 404),
            InvalidMessageContents => sqs!("InvalidMessageContents", "InvalidMessageContents", 400),
            InvalidSecurity => sqs!("InvalidSecurity", "InvalidSecurity", 403),
            KmsAccessDenied => sqs!("KmsAccessDenied", "KMS.AccessDeniedException", 400),
            KmsDisabled => sqs!("KmsDisabled", "KMS.DisabledException", 400),
            KmsInvalidKeyUsage => sqs!("KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400),
            KmsInvalidState => sqs!("KmsInvalidState", "KMS.InvalidStateException", 400),
            KmsNotFound => sqs!("KmsNotFound", "KMS.NotFoundException", 400),
            KmsOptInRequired => sqs!("KmsOptInRequired", "KMS.OptInRequired", 400),
            KmsThrottled => sqs!("KmsThrottled", "KMS.ThrottlingException", 400),
            MessageNotInflight => sqs!("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400),
            OverLimit => sqs!("OverLimit", "OverLimit", 403),
            PurgeQueueInProgress => sqs!("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403),
            QueueDeletedRecently => sqs!("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400),
            QueueDoesNotExist => sqs!("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400),
            QueueNameExists => sqs!("QueueNameExists", "QueueAlreadyExists", 400),
            ReceiptHandleIsInvalid => sqs!("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404),
            RequestThrottled => sqs!("RequestThrottled", "RequestThrottled", 403),
            ResourceNotFound => sqs!("ResourceNotFoundException", "ResourceNotFoundException", 404),
            TooManyEntriesInBatchRequest => sqs!("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400),
            UnsupportedOperation => sqs!("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400),
            InvalidParameterValue => common!("InvalidParameterValueException", "InvalidParameterValue", 400),
            MissingParameter => common!("MissingRequiredParameterException", "MissingParameter", 400),
            MalformedInput => common!("SerializationException", "MalformedInput", 400),
            UnknownOperation => common!("UnknownOperationException", "InvalidAction", 400),
            RequestEntityTooLarge => common!("RequestEntityTooLargeException", "RequestEntityTooLarge", 413),
            AccessDenied => common!("AccessDeniedException", "AccessDenied", 403),
            InvalidClientTokenId => common!("UnrecognizedClientException", "InvalidClientTokenId", 403),
            SignatureDoesNotMatch => common!("InvalidSignatureException", "SignatureDoesNotMatch", 403),
            IncompleteSignature => common!("IncompleteSignatureException", "IncompleteSignature", 400),
            ExpiredToken => common!("ExpiredTokenException", "ExpiredToken", 403),
            MissingAuthenticationToken => common!("MissingAuthenticationTokenException", "MissingAuthenticationToken", 403),
            ValidationError => common!("ValidationException", "ValidationError", 400),
            NoSuchEntity => common!("NoSuchEntityException", "NoSuchEntity", 404),
            EntityAlreadyExists => common!("EntityAlreadyExistsException", "EntityAlreadyExists", 409),
            LimitExceeded => common!("LimitExceededException", "LimitExceeded", 409),
            DeleteConflict => common!("DeleteConflictException", "DeleteConflict", 409),
            MalformedPolicyDocument => common!("MalformedPolicyDocumentException", "MalformedPolicyDocument", 400),
            InvalidInput => common!("InvalidInputException", "InvalidInput", 400),
            UnmodifiableEntity => common!("UnmodifiableEntityException", "UnmodifiableEntity", 400),
            PackedPolicyTooLarge => common!("PackedPolicyTooLargeException", "PackedPolicyTooLarge", 400),
            Throttling => common!("ThrottlingException", "Throttling", 400),
            InternalFailure => common!("InternalFailure", "InternalFailure", 500),
            ServiceUnavailable => common!("ServiceUnavailableException", "ServiceUnavailable", 503),
        }
    }
}

/// A row of the table.
struct Codes {
    json_type: &'static str,
    query_code: &'static str,
    http_status: u16,
}

macro_rules! sqs {
    ($name:literal, $query_code:literal, $http_status:literal) => {
        Codes {
            json_type: concat!("com.amazonaws.sqs#", $name),
            query_code: $query_code,
            http_status: $http_status,
        }
    };
}
use sqs;

macro_rules! common {
    ($name:literal, $query_code:literal, $http_status:literal) => {
        Codes {
            json_type: concat!("com.amazon.coral.service#", $name),
            query_code: $query_code,
            http_status: $http_status,
        }
    };
}
use common;

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the error table, as the SQS documentation and recordings from AWS have them.
    const PUBLISHED: &str = "
        BatchEntryIdsNotDistinct sqs BatchEntryIdsNotDistinct AWS.SimpleQueueService.BatchEntryIdsNotDistinct 400
        BatchRequestTooLong sqs BatchRequestTooLong AWS.SimpleQueueService.BatchRequestTooLong 400
        EmptyBatchRequest sqs EmptyBatchRequest AWS.SimpleQueueService.EmptyBatchRequest 400
        InvalidAddress sqs InvalidAddress InvalidAddress 404
        InvalidAttributeName sqs InvalidAttributeName InvalidAttributeName 400
        InvalidAttributeValue sqs InvalidAttributeValue InvalidAttributeValue 400
        InvalidBatchEntryId sqs InvalidBatchEntryId AWS.SimpleQueueService.InvalidBatchEntryId 400
        InvalidIdFormat sqs InvalidIdFormat InvalidIdFormat 404
        InvalidMessageContents sqs InvalidMessageContents InvalidMessageContents 400
        InvalidSecurity sqs InvalidSecurity InvalidSecurity 403
        KmsAccessDenied sqs KmsAccessDenied KMS.AccessDeniedException 400
        KmsDisabled sqs KmsDisabled KMS.DisabledException 400
        KmsInvalidKeyUsage sqs KmsInvalidKeyUsage KMS.InvalidKeyUsageException 400
        KmsInvalidState sqs KmsInvalidState KMS.InvalidStateException 400
        KmsNotFound sqs KmsNotFound KMS.NotFoundException 400
        KmsOptInRequired sqs KmsOptInRequired KMS.OptInRequired 400
        KmsThrottled sqs KmsThrottled KMS.ThrottlingException 400
        MessageNotInflight sqs MessageNotInflight AWS.SimpleQueueService.MessageNotInflight 400
        OverLimit sqs OverLimit OverLimit 403
        PurgeQueueInProgress sqs PurgeQueueInProgress AWS.SimpleQueueService.PurgeQueueInProgress 403
        QueueDeletedRecently sqs QueueDeletedRecently AWS.SimpleQueueService.QueueDeletedRecently 400
        QueueDoesNotExist sqs QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue 400
        QueueNameExists sqs QueueNameExists QueueAlreadyExists 400
        ReceiptHandleIsInvalid sqs ReceiptHandleIsInvalid ReceiptHandleIsInvalid 404
        RequestThrottled sqs RequestThrottled RequestThrottled 403
        ResourceNotFound sqs ResourceNotFoundException ResourceNotFoundException 404
        TooManyEntriesInBatchRequest sqs TooManyEntriesInBatchRequest AWS.SimpleQueueService.TooManyEntriesInBatchRequest 400
        UnsupportedOperation sqs UnsupportedOperation AWS.SimpleQueueService.UnsupportedOperation 400
        InvalidParameterValue coral InvalidParameterValueException InvalidParameterValue 400
        MissingParameter coral MissingRequiredParameterException MissingParameter 400
        MalformedInput coral SerializationException MalformedInput 400
        UnknownOperation coral UnknownOperationException InvalidAction 400
        RequestEntityTooLarge coral RequestEntityTooLargeException RequestEntityTooLarge 413
        AccessDenied coral AccessDeniedException AccessDenied 403
        InvalidClientTokenId coral UnrecognizedClientException InvalidClientTokenId 403
        SignatureDoesNotMatch coral InvalidSignatureException SignatureDoesNotMatch 403
        IncompleteSignature coral IncompleteSignatureException IncompleteSignature 400
        ExpiredToken coral ExpiredTokenException ExpiredToken 403
        MissingAuthenticationToken coral MissingAuthenticationTokenException MissingAuthenticationToken 403
        ValidationError coral ValidationException ValidationError 400
        NoSuchEntity coral NoSuchEntityException NoSuchEntity 404
        EntityAlreadyExists coral EntityAlreadyExistsException EntityAlreadyExists 409
        LimitExceeded coral LimitExceededException LimitExceeded 409
        DeleteConflict coral DeleteConflictException DeleteConflict 409
        MalformedPolicyDocument coral MalformedPolicyDocumentException MalformedPolicyDocument 400
        InvalidInput coral InvalidInputException InvalidInput 400
        UnmodifiableEntity coral UnmodifiableEntityException UnmodifiableEntity 400
        PackedPolicyTooLarge coral PackedPolicyTooLargeException PackedPolicyTooLarge 400
        Throttling coral ThrottlingException Throttling 400
        InternalFailure coral InternalFailure InternalFailure 500
        ServiceUnavailable coral ServiceUnavailableException ServiceUnavailable 503";

    #[test]
    fn every_kind_has_the_published_type_code_and_status() {
        let row = |kind: &ErrorKind| {
            let (namespace, name) = kind.json_type().split_once('#').unwrap();
            let namespace = match namespace {
                "com.amazonaws.sqs" => "sqs",
                "com.amazon.coral.service" => "coral",
                other => panic!("{other} is no namespace"),
            };
            format!("{kind:?} {namespace} {name} {} {}", kind.query_code(), kind.http_status())
        };
        let rows: Vec<String> = ErrorKind::ALL.iter().map(row).collect();
        let published: Vec<&str> = PUBLISHED.lines().map(str::trim).skip(1).collect();
        assert_eq!(rows, published);
    }

    #[test]
    fn no_two_kinds_share_a_type() {
        let types: std::collections::BTreeSet<_> =
            ErrorKind::ALL.iter().map(|kind| kind.json_type()).collect();
        assert_eq!(types.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn the_server_is_to_blame_for_its_own_faults_only() {
        let blamed = |fault| ErrorKind::ALL.iter().filter(move |kind| kind.fault() == fault);
        let own = [ErrorKind::InternalFailure, ErrorKind::ServiceUnavailable];
        assert!(blamed(Fault::Receiver).eq(&own));
        assert_eq!(blamed(Fault::Sender).count(), ErrorKind::ALL.len() - own.len());
    }

    #[test]
    fn the_header_holds_the_code_and_who_is_to_blame() {
        let header = ErrorKind::QueueDoesNotExist.query_error_header();
        assert_eq!(header, "AWS.SimpleQueueService.NonExistentQueue;Sender");
        assert_eq!(ErrorKind::InternalFailure.query_error_header(), "InternalFailure;Receiver");
        for kind in ErrorKind::ALL {
            let header = kind.query_error_header();
            assert_eq!(header.matches(';').count(), 1, "SDKs split {header} at its semicolon");
        }
    }

    #[test]
    fn a_sentence_that_quotes_very_much_is_cut() {
        let error = WireError::new(ErrorKind::InvalidParameterValue, "é".repeat(1 << 20));
        assert!(error.message.len() <= MESSAGE_BYTES_MAX + "…".len());
        assert!(error.message.starts_with("éé") && error.message.ends_with("é…"));
        let whole = "x".repeat(MESSAGE_BYTES_MAX);
        assert_eq!(WireError::new(ErrorKind::InvalidParameterValue, &*whole).message, whole);
    }

    #[test]
    fn a_value_is_quoted_up_to_1024_characters() {
        let whole = "é".repeat(QUOTED_CHARACTERS_MAX);
        assert_eq!(quoted("").to_string(), "");
        assert_eq!(quoted(&whole).to_string(), whole);
        assert_eq!(quoted(&format!("{whole}ab")).to_string(), format!("{whole}…"));
    }

    #[test]
    fn entries_of_a_batch_carry_codes_without_a_prefix() {
        assert_eq!(ErrorKind::QueueDoesNotExist.entry_code(), "NonExistentQueue");
        assert_eq!(ErrorKind::ReceiptHandleIsInvalid.entry_code(), "ReceiptHandleIsInvalid");
        assert_eq!(ErrorKind::MissingParameter.entry_code(), "MissingParameter");
        assert_eq!(ErrorKind::KmsDisabled.entry_code(), "KMS.DisabledException");
    }

    #[test]
    fn an_error_reads_as_its_code_and_its_sentence() {
        let error = WireError::new(ErrorKind::OverLimit, "Too many.");
        assert_eq!(error.to_string(), "OverLimit: Too many.");
    }
}
