/** A person who can sign in. Mutable, so that a test can disable one while the service runs. */
export interface DevelopmentAccount {
  sub: string
  username: string
  password: string
  firstName: string
  lastName: string
  email: string
  enabled: boolean
  /** Whether the service's administrator role is added to `realmRoles`. */
  isAdministrator: boolean
  realmRoles: string[]
  /** Roles under the service's own client. */
  clientRoles: string[]
  groups?: string[]
  /** Each becomes a claim of its own. */
  attributes: Record<string, string>
}

/** The people of `keycloak/realm-rspy.json`: alice, who is an administrator, and bob. */
export const developmentAccounts: DevelopmentAccount[] = [
  {
    sub: '11111111-1111-4111-8111-111111111111',
    username: 'alice',
    password: 'alice-pw',
    firstName: 'Alice',
    lastName: 'Liddell',
    email: 'alice@example.test',
    enabled: true,
    isAdministrator: true,
    realmRoles: ['rspy-user'],
    clientRoles: ['catalog_read', 'catalog_write'],
    attributes: { department: 'ops' },
  },
  {
    sub: '22222222-2222-4222-8222-222222222222',
    username: 'bob',
    password: 'bob-pw',
    firstName: 'Bob',
    lastName: 'Builder',
    email: 'bob@example.test',
    enabled: true,
    isAdministrator: false,
    realmRoles: ['rspy-user'],
    clientRoles: ['catalog_read'],
    attributes: { department: 'sales' },
  },
]

/** Who may be here now: `null` for an unknown and for a disabled account alike. */
export function findEnabledAccount(accounts: readonly DevelopmentAccount[], sub: string) {
  return accounts.find((account) => account.sub === sub && account.enabled) ?? null
}

/** Whose password this is: `null` when unknown, wrong or disabled, so that nobody can be told more. */
export function findSignedInAccount(
  accounts: readonly DevelopmentAccount[],
  username: string,
  password: string,
) {
  return (
    accounts.find(
      (account) => account.enabled && account.username === username && account.password === password,
    ) ?? null
  )
}
