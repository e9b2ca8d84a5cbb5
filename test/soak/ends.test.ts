import { describeSurvival } from '../e2e/survival/journeys.js'
import { describeDurations, reportFigures } from './support/report.js'

describeSurvival({
  kills: 20,
  crashes: 5,
  terms: 20,
  readyWithinMs: 6_000,
  report: {
    kills: (row, { kills, acknowledged, lost, undone, readyMs, readyCpuMs }) =>
      reportFigures(row, [
        `${kills} kills`,
        `${acknowledged} acknowledged`,
        `${lost.length} lost`,
        `${undone.length} undone`,
        describeDurations('ready', readyMs),
        ...(readyCpuMs.length === 0 ? [] : [describeDurations('of CPU', readyCpuMs)]),
      ]),
    terms: (row, { terms, answered, cut, unread, late, counts, endMs }) =>
      reportFigures(row, [
        `${terms} terms`,
        `${answered} answered`,
        `${counts.reduce((sum, { counted }) => sum + counted, 0)} counted`,
        `${cut.length} cut`,
        `${unread} closed unread`,
        `${late} closed late`,
        describeDurations('end', endMs),
      ]),
  },
})
