import { describeCredentialAttack } from '../hostile/credential-attack.js'

describeCredentialAttack({ seeds: [20261121, 1729, 4104, 13832], attempts: 23_750, rawAttempts: 1_250 })
