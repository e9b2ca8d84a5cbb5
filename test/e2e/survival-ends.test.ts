import { describeSurvival } from './survival/journeys.js'

describeSurvival({ kills: 1, crashes: 1, terms: 1 })
