import type { DevelopmentAccount } from './accounts.js'

/** What the roles are called at the service that is signed in to. */
export interface RoleNames {
  adminRole: string
  serviceClientId: string
}

/** What Keycloak tells about a person, in its own words, in ID token, access token and userinfo alike. */
export function describePerson(account: DevelopmentAccount, names: RoleNames) {
  const { adminRole, serviceClientId } = names
  return {
    // First, so that an attribute named like a claim below cannot take its place.
    ...account.attributes,
    sub: account.sub,
    preferred_username: account.username,
    name: `${account.firstName} ${account.lastName}`,
    given_name: account.firstName,
    family_name: account.lastName,
    email: account.email,
    email_verified: true,
    realm_access: { roles: [...account.realmRoles, ...(account.isAdministrator ? [adminRole] : [])] },
    resource_access: { [serviceClientId]: { roles: [...account.clientRoles] } },
    ...(account.groups === undefined ? {} : { groups: [...account.groups] }),
  }
}

/** Claims of the sign-in itself; `typ` is what tells Keycloak's two kinds of token apart. */
export function describeToken(typ: 'Bearer' | 'ID', clientId: string, sessionUid: string | undefined) {
  return { typ, azp: clientId, ...(sessionUid === undefined ? {} : { sid: sessionUid }) }
}

/** Every claim that may go into an ID token; Keycloak's default scopes do not make the caller ask for them. */
export function listClaimNames(accounts: readonly DevelopmentAccount[]): string[] {
  const ofAnyone = 'preferred_username name given_name family_name email email_verified groups'
  const ofSignIn = 'sub sid typ azp auth_time realm_access resource_access'
  const attributes = accounts.flatMap((account) => Object.keys(account.attributes))
  return [...new Set([...ofSignIn.split(' '), ...ofAnyone.split(' '), ...attributes])]
}
