// How the queries of the dashboard choose series by the variables above it.

const PROCESSES = 'job=~"$job", instance=~"$instance"';

/** The series of the chosen processes. @param more further matchers, such as `result="failed"` */
export function of(...more: readonly string[]): string {
  return `{${[PROCESSES, ...more].join(', ')}}`;
}

export const OF_CALLS = ['listener=~"$listener"', 'route=~"$route"', 'upstream=~"$upstream"'];
export const OF_UPSTREAM = 'upstream=~"$upstream"';

/** How fast a counter grows in a second. */
export function rate(counter: string, ...more: readonly string[]): string {
  return `rate(${counter}${of(...more)}[$__rate_interval])`;
}

/** By how much a counter grows from one point of the panel to the next. */
export function increase(counter: string, ...more: readonly string[]): string {
  return `increase(${counter}${of(...more)}[$__rate_interval])`;
}
