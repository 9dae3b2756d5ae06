//! The input and output struct of each IAM action, in the manner of [`crate::sqs`]. Actions that take or
//! answer the same share a struct under several names.
//!
//! Policies in outputs are percent-encoded, as IAM answers them: what is handed to the codec is.

use serde::{Deserialize, Serialize};

use crate::form::{Member, QueryForm, members, members_of, one_of};

/// A tag of a user or role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Tag {
    /// The tag's key.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl QueryForm for Tag {}

/// Makes a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateUserInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// The path; `/` by default.
    pub path: Option<String>,
    /// Its tags.
    pub tags: Option<Vec<Tag>>,
    /// A policy that bounds all others, which is not supported.
    pub permissions_boundary: Option<String>,
}

impl QueryForm for CreateUserInput {
    const MEMBERS: &[Member] = &[members_of::<Tag>("Tags")];
}

/// Names a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserNameInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
}

impl QueryForm for UserNameInput {}

/// Reads a user.
pub type GetUserInput = UserNameInput;
/// Deletes a user who has nothing any more.
pub type DeleteUserInput = UserNameInput;
/// Makes an access key for a user.
pub type CreateAccessKeyInput = UserNameInput;

/// Asks for a page of the users or roles below a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PathPrefixInput {
    /// Lists only those whose path starts with this.
    pub path_prefix: Option<String>,
    /// Where to go on, as the previous page told.
    pub marker: Option<String>,
    /// How many to list at most, 1 to 1000.
    pub max_items: Option<i64>,
}

impl QueryForm for PathPrefixInput {}

/// Lists the users of the account.
pub type ListUsersInput = PathPrefixInput;
/// Lists the roles of the account.
pub type ListRolesInput = PathPrefixInput;

/// Asks for a page of what a user has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserPageInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// Where to go on, as the previous page told.
    pub marker: Option<String>,
    /// How many to list at most, 1 to 1000.
    pub max_items: Option<i64>,
}

impl QueryForm for UserPageInput {}

/// Lists a user's access keys.
pub type ListAccessKeysInput = UserPageInput;
/// Lists a user's policies.
pub type ListUserPoliciesInput = UserPageInput;
/// Lists a user's groups, of which there are none.
pub type ListGroupsForUserInput = UserPageInput;

/// Asks for a page of what a role has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RolePageInput {
    /// The name of the role.
    pub role_name: Option<String>,
    /// Where to go on, as the previous page told.
    pub marker: Option<String>,
    /// How many to list at most, 1 to 1000.
    pub max_items: Option<i64>,
}

impl QueryForm for RolePageInput {}

/// Lists a role's policies.
pub type ListRolePoliciesInput = RolePageInput;
/// Lists a role's managed policies, of which there are none.
pub type ListAttachedRolePoliciesInput = RolePageInput;
/// Lists a role's instance profiles, of which there are none.
pub type ListInstanceProfilesForRoleInput = RolePageInput;

/// Turns an access key on or off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateAccessKeyInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// The id of the key.
    pub access_key_id: Option<String>,
    /// `Active` or `Inactive`.
    pub status: Option<String>,
}

impl QueryForm for UpdateAccessKeyInput {}

/// Deletes an access key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeleteAccessKeyInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// The id of the key.
    pub access_key_id: Option<String>,
}

impl QueryForm for DeleteAccessKeyInput {}

/// Sets a policy of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutUserPolicyInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// The name of the policy.
    pub policy_name: Option<String>,
    /// The policy.
    pub policy_document: Option<String>,
}

impl QueryForm for PutUserPolicyInput {}

/// Names a policy of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UserPolicyInput {
    /// The name of the user; by default the caller.
    pub user_name: Option<String>,
    /// The name of the policy.
    pub policy_name: Option<String>,
}

impl QueryForm for UserPolicyInput {}

/// Reads a policy of a user.
pub type GetUserPolicyInput = UserPolicyInput;
/// Deletes a policy of a user.
pub type DeleteUserPolicyInput = UserPolicyInput;

/// Makes a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct CreateRoleInput {
    /// The name of the role.
    pub role_name: Option<String>,
    /// Who may assume it: a policy.
    pub assume_role_policy_document: Option<String>,
    /// The path; `/` by default.
    pub path: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How long a session may last, in seconds.
    pub max_session_duration: Option<i64>,
    /// Its tags.
    pub tags: Option<Vec<Tag>>,
    /// A policy that bounds all others, which is not supported.
    pub permissions_boundary: Option<String>,
}

impl QueryForm for CreateRoleInput {
    const MEMBERS: &[Member] = &[members_of::<Tag>("Tags")];
}

/// Names a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RoleNameInput {
    /// The name of the role.
    pub role_name: Option<String>,
}

impl QueryForm for RoleNameInput {}

/// Reads a role.
pub type GetRoleInput = RoleNameInput;
/// Deletes a role that has nothing any more.
pub type DeleteRoleInput = RoleNameInput;

/// Sets who may assume a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateAssumeRolePolicyInput {
    /// The name of the role.
    pub role_name: Option<String>,
    /// The policy.
    pub policy_document: Option<String>,
}

impl QueryForm for UpdateAssumeRolePolicyInput {}

/// Sets a policy of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PutRolePolicyInput {
    /// The name of the role.
    pub role_name: Option<String>,
    /// The name of the policy.
    pub policy_name: Option<String>,
    /// The policy.
    pub policy_document: Option<String>,
}

impl QueryForm for PutRolePolicyInput {}

/// Names a policy of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RolePolicyInput {
    /// The name of the role.
    pub role_name: Option<String>,
    /// The name of the policy.
    pub policy_name: Option<String>,
}

impl QueryForm for RolePolicyInput {}

/// Reads a policy of a role.
pub type GetRolePolicyInput = RolePolicyInput;
/// Deletes a policy of a role.
pub type DeleteRolePolicyInput = RolePolicyInput;

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct User {
    /// The path.
    pub path: String,
    /// The name.
    pub user_name: String,
    /// The unique id.
    pub user_id: String,
    /// The ARN.
    pub arn: String,
    /// When the user was made.
    pub create_date: String,
    /// The tags, where they are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
}

impl QueryForm for User {
    const MEMBERS: &[Member] = &[members_of::<Tag>("Tags")];
}

/// What `CreateUser` and `GetUser` answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct UserOutput {
    /// The user.
    pub user: User,
}

impl QueryForm for UserOutput {
    const MEMBERS: &[Member] = &[one_of::<User>("User")];
}

/// What `ListUsers` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListUsersOutput {
    /// The users.
    pub users: Vec<User>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl QueryForm for ListUsersOutput {
    const MEMBERS: &[Member] = &[members_of::<User>("Users")];
}

/// An access key with its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKey {
    /// Whose it is.
    pub user_name: String,
    /// Its id.
    pub access_key_id: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// The secret, which is told this once.
    pub secret_access_key: String,
    /// When it was made.
    pub create_date: String,
}

impl QueryForm for AccessKey {}

/// What `CreateAccessKey` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateAccessKeyOutput {
    /// The key.
    pub access_key: AccessKey,
}

impl QueryForm for CreateAccessKeyOutput {}

/// An access key without its secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessKeyMetadata {
    /// Whose it is.
    pub user_name: String,
    /// Its id.
    pub access_key_id: String,
    /// `Active` or `Inactive`.
    pub status: String,
    /// When it was made.
    pub create_date: String,
}

impl QueryForm for AccessKeyMetadata {}

/// What `ListAccessKeys` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAccessKeysOutput {
    /// The keys.
    pub access_key_metadata: Vec<AccessKeyMetadata>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl QueryForm for ListAccessKeysOutput {
    const MEMBERS: &[Member] = &[members_of::<AccessKeyMetadata>("AccessKeyMetadata")];
}

/// What `GetUserPolicy` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetUserPolicyOutput {
    /// The user.
    pub user_name: String,
    /// The name of the policy.
    pub policy_name: String,
    /// The policy, percent-encoded.
    pub policy_document: String,
}

impl QueryForm for GetUserPolicyOutput {}

/// What `GetRolePolicy` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GetRolePolicyOutput {
    /// The role.
    pub role_name: String,
    /// The name of the policy.
    pub policy_name: String,
    /// The policy, percent-encoded.
    pub policy_document: String,
}

impl QueryForm for GetRolePolicyOutput {}

/// What `ListUserPolicies` and `ListRolePolicies` answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyNamesOutput {
    /// The names of the policies.
    pub policy_names: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl QueryForm for PolicyNamesOutput {
    const MEMBERS: &[Member] = &[members("PolicyNames")];
}

/// When a role was used last, which nobody notes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleLastUsed {}

impl QueryForm for RoleLastUsed {}

/// A role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// The path.
    pub path: String,
    /// The name.
    pub role_name: String,
    /// The unique id.
    pub role_id: String,
    /// The ARN.
    pub arn: String,
    /// When the role was made.
    pub create_date: String,
    /// Who may assume it, percent-encoded.
    pub assume_role_policy_document: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// How long a session may last, in seconds, where it is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_session_duration: Option<i64>,
    /// The tags, where they are told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<Tag>,
    /// When it was used last, where that is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_last_used: Option<RoleLastUsed>,
}

impl QueryForm for Role {
    const MEMBERS: &[Member] = &[members_of::<Tag>("Tags")];
}

/// What `CreateRole` and `GetRole` answer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleOutput {
    /// The role.
    pub role: Role,
}

impl QueryForm for RoleOutput {
    const MEMBERS: &[Member] = &[one_of::<Role>("Role")];
}

/// What `ListRoles` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListRolesOutput {
    /// The roles.
    pub roles: Vec<Role>,
    /// Whether there are more.
    pub is_truncated: bool,
    /// Where to go on, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub marker: Option<String>,
}

impl QueryForm for ListRolesOutput {
    const MEMBERS: &[Member] = &[members_of::<Role>("Roles")];
}

/// What `ListGroupsForUser` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListGroupsForUserOutput {
    /// No groups.
    pub groups: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
}

impl QueryForm for ListGroupsForUserOutput {
    const MEMBERS: &[Member] = &[members("Groups")];
}

/// What `ListAttachedRolePolicies` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListAttachedRolePoliciesOutput {
    /// No policies.
    pub attached_policies: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
}

impl QueryForm for ListAttachedRolePoliciesOutput {
    const MEMBERS: &[Member] = &[members("AttachedPolicies")];
}

/// What `ListInstanceProfilesForRole` answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ListInstanceProfilesForRoleOutput {
    /// No instance profiles.
    pub instance_profiles: Vec<String>,
    /// Whether there are more.
    pub is_truncated: bool,
}

impl QueryForm for ListInstanceProfilesForRoleOutput {
    const MEMBERS: &[Member] = &[members("InstanceProfiles")];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{self, Parameters};
    use crate::service::Service;
    use crate::xml;

    fn xml_of<T: Serialize + QueryForm>(action: &str, output: &T) -> String {
        let xml = String::from_utf8(xml::encode(Service::Iam, action, "id", output)).unwrap();
        let start = xml.find("Response xmlns").unwrap();
        let start = start + xml[start..].find('>').unwrap() + 1;
        xml[start..xml.find("<ResponseMetadata>").unwrap()].to_owned()
    }

    #[test]
    fn lists_are_members_of_an_element_of_their_name() {
        let tags = vec![
            Tag { key: "a".to_owned(), value: "1".to_owned() },
            Tag { key: "b".to_owned(), value: String::new() },
        ];
        let user = User { user_name: "alice".to_owned(), tags, ..User::default() };
        let expected = "<ListUsersResult><Users><member><Path></Path><UserName>alice</UserName><UserId></UserId>\
            <Arn></Arn><CreateDate></CreateDate><Tags><member><Key>a</Key><Value>1</Value></member>\
            <member><Key>b</Key><Value></Value></member></Tags></member></Users>\
            <IsTruncated>false</IsTruncated></ListUsersResult>";
        let list = ListUsersOutput { users: vec![user.clone()], ..ListUsersOutput::default() };
        assert_eq!(xml_of("ListUsers", &list), expected);
        let one = xml_of("GetUser", &UserOutput { user });
        assert!(one.contains("<User><Path></Path><UserName>alice</UserName>"), "{one}");
        assert!(one.contains("<Tags><member><Key>a</Key>"), "{one}");
        let names = vec!["p".to_owned(), "q".to_owned()];
        let names = PolicyNamesOutput { policy_names: names, ..PolicyNamesOutput::default() };
        let expected = "<PolicyNames><member>p</member><member>q</member></PolicyNames>";
        assert!(xml_of("ListUserPolicies", &names).contains(expected));
    }

    #[test]
    fn an_empty_list_is_one_tag_and_so_is_an_empty_struct() {
        let expected =
            "<ListUsersResult><Users/><IsTruncated>false</IsTruncated></ListUsersResult>";
        assert_eq!(xml_of("ListUsers", &ListUsersOutput::default()), expected);
        let role = Role { role_last_used: Some(RoleLastUsed {}), ..Role::default() };
        let xml = xml_of("GetRole", &RoleOutput { role });
        assert!(xml.ends_with("<RoleLastUsed/></Role></GetRoleResult>"), "{xml}");
        assert!(!xml.contains("<Tags"), "{xml}");
    }

    #[test]
    fn tags_are_numbered_members() {
        let form = b"UserName=alice&Path=%2Fteam%2F&Tags.member.2.Key=b&Tags.member.2.Value=2\
            &Tags.member.1.Key=a&Tags.member.1.Value=1";
        let parameters = Parameters::parse(&[form]).unwrap();
        let input: CreateUserInput = query::decode(&parameters).unwrap();
        let tag = |key: &str, value: &str| Tag { key: key.to_owned(), value: value.to_owned() };
        assert_eq!(input.user_name.as_deref(), Some("alice"));
        assert_eq!(input.path.as_deref(), Some("/team/"));
        assert_eq!(input.tags, Some(vec![tag("a", "1"), tag("b", "2")]));
        let parameters = Parameters::parse(&[b"RoleName=r&MaxSessionDuration=7200"]).unwrap();
        let input: CreateRoleInput = query::decode(&parameters).unwrap();
        assert_eq!((input.max_session_duration, input.tags), (Some(7200), None));
    }
}
