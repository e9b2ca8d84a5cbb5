import { describeSurvival } from './survival/journeys.js'

describeSurvival({ kills: 2, crashes: 1, terms: 2 })
