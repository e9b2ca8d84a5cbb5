/**
 * A time zone where the day began one or two hours ago. A test with the real clock counts its quotas there, so that none
 * starts again while it runs.
 */
export const quotaTimeZone = findTimeZone()

function findTimeZone(): string {
  const hoursAhead = ((1 - new Date().getUTCHours() + 36) % 24) - 12
  // The names of these zones count hours to the west.
  return hoursAhead > 0 ? `Etc/GMT-${hoursAhead}` : `Etc/GMT+${-hoursAhead}`
}
