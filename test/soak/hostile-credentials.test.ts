import { describeCredentialAttack } from '../hostile/credential-attack.js'
import { reportFigures } from './support/report.js'

describeCredentialAttack({
  seeds: [20261121, 1729, 4104, 13832],
  attempts: 23_750,
  rawAttempts: 1_250,
  report: reportFigures,
})
