//! The IAM actions, one file each: those that manage users and roles with policies of their own.
//!
//! Each finds the account of who signs the request, checks what was sent, asks whether the caller may,
//! and acts. There are no groups, managed policies, or permission boundaries; what would set one is
//! refused, not overlooked.

mod answers;
pub(crate) mod checks;
mod create_access_key;
mod create_role;
mod create_user;
mod delete_access_key;
mod delete_role;
mod delete_role_policy;
mod delete_user;
mod delete_user_policy;
mod get_role;
mod get_role_policy;
mod get_user;
mod get_user_policy;
mod list_access_keys;
mod list_attached_role_policies;
mod list_groups_for_user;
mod list_instance_profiles_for_role;
mod list_role_policies;
mod list_roles;
mod list_user_policies;
mod list_users;
mod managed;
mod pages;
mod policies;
mod put_role_policy;
mod put_user_policy;
mod update_access_key;
mod update_assume_role_policy;

use crate::context::Context;
use crate::gateway::{Answer, Call, run, run_silent};

/// The answer to the action, or `None` when there is no such action.
pub(crate) async fn act(ctx: &Context, action: &str, call: &mut Call<'_>) -> Option<Answer> {
    Some(match action {
        "CreateAccessKey" => {
            run(call, async |input| create_access_key::create_access_key(ctx, input).await).await
        }
        "CreateRole" => run(call, async |input| create_role::create_role(ctx, input).await).await,
        "CreateUser" => run(call, async |input| create_user::create_user(ctx, input).await).await,
        "DeleteAccessKey" => {
            run_silent(call, async |input| delete_access_key::delete_access_key(ctx, input).await)
                .await
        }
        "DeleteRole" => {
            run_silent(call, async |input| delete_role::delete_role(ctx, input).await).await
        }
        "DeleteRolePolicy" => {
            run_silent(call, async |input| delete_role_policy::delete_role_policy(ctx, input).await)
                .await
        }
        "DeleteUser" => {
            run_silent(call, async |input| delete_user::delete_user(ctx, input).await).await
        }
        "DeleteUserPolicy" => {
            run_silent(call, async |input| delete_user_policy::delete_user_policy(ctx, input).await)
                .await
        }
        "GetRole" => run(call, async |input| get_role::get_role(ctx, &input)).await,
        "GetRolePolicy" => {
            run(call, async |input| get_role_policy::get_role_policy(ctx, input)).await
        }
        "GetUser" => run(call, async |input| get_user::get_user(ctx, &input)).await,
        "GetUserPolicy" => {
            run(call, async |input| get_user_policy::get_user_policy(ctx, input)).await
        }
        "ListAccessKeys" => {
            run(call, async |input| list_access_keys::list_access_keys(ctx, &input)).await
        }
        "ListAttachedRolePolicies" => {
            run(call, async |input| {
                list_attached_role_policies::list_attached_role_policies(ctx, &input)
            })
            .await
        }
        "ListGroupsForUser" => {
            run(call, async |input| list_groups_for_user::list_groups_for_user(ctx, &input)).await
        }
        "ListInstanceProfilesForRole" => {
            run(call, async |input| {
                list_instance_profiles_for_role::list_instance_profiles_for_role(ctx, &input)
            })
            .await
        }
        "ListRolePolicies" => {
            run(call, async |input| list_role_policies::list_role_policies(ctx, &input)).await
        }
        "ListRoles" => run(call, async |input| list_roles::list_roles(ctx, &input)).await,
        "ListUserPolicies" => {
            run(call, async |input| list_user_policies::list_user_policies(ctx, &input)).await
        }
        "ListUsers" => run(call, async |input| list_users::list_users(ctx, &input)).await,
        "PutRolePolicy" => {
            run_silent(call, async |input| put_role_policy::put_role_policy(ctx, input).await).await
        }
        "PutUserPolicy" => {
            run_silent(call, async |input| put_user_policy::put_user_policy(ctx, input).await).await
        }
        "UpdateAccessKey" => {
            run_silent(call, async |input| update_access_key::update_access_key(ctx, input).await)
                .await
        }
        "UpdateAssumeRolePolicy" => {
            run_silent(call, async |input| {
                update_assume_role_policy::update_assume_role_policy(ctx, input).await
            })
            .await
        }
        _ => return None,
    })
}
