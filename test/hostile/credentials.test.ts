import { describeCredentialAttack } from './credential-attack.js'

// A share of the attack; the whole is a soak test.
describeCredentialAttack({ seeds: [1], attempts: 2_850, rawAttempts: 150 })
