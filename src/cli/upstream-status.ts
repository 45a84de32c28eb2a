// The lines of `framegate status` about an upstream. An endpoint that one process could not reach counts as not usable, although others
// have not tried it since and would still give it calls, unless something has come from it since: an idle connection may be as dead.

import { counted } from '../config/counted.ts';
import { fieldOf, listOf, numberOf, textOf } from '../control/answer-fields.ts';
import { localTime } from './local-time.ts';
import { paint } from './paint.ts';

/**
 * 'unknown' where no process has answered. 'untried' where no connection shows yet that the endpoint can be reached. 'panic' where it is kept
 * out and gets calls all the same.
 */
type Use = 'usable' | 'untried' | 'partly' | 'standby' | 'panic' | 'unusable' | 'unknown';

const MARKS: Readonly<Record<Use, readonly [mark: string, colour: 'green' | 'yellow' | 'red' | undefined]>> =
  {
    usable: ['\u2713', 'green'],
    untried: ['\u2013', undefined],
    partly: ['\u2717', 'yellow'],
    standby: ['\u2013', undefined],
    panic: ['\u2717', 'yellow'],
    unusable: ['\u2717', 'red'],
    unknown: ['?', 'yellow'],
  };
/** The states of connections that have been made and take calls. */
const CONNECTED = ['ready', 'busy', 'idle'] as const;

/** Whether no endpoint can be used. Where workers have not answered, or endpoints are left out of the answer, it is not known. */
export function isOut(upstream: unknown): boolean {
  const endpoints = listOf(fieldOf(upstream, 'endpoints'));
  return (
    fieldOf(upstream, 'leftOut') === undefined &&
    endpoints.every((endpoint) => useOf(endpoint) === 'unusable')
  );
}

export function describeUpstream(upstream: unknown): readonly string[] {
  const endpoints = listOf(fieldOf(upstream, 'endpoints'));
  const uses = endpoints.map(useOf);
  const count = (...wanted: readonly Use[]): number => uses.filter((use) => wanted.includes(use)).length;
  const usable = count('usable', 'untried', 'partly', 'standby');
  const pending = numberOf(fieldOf(upstream, 'pending') ?? 0);
  const whyNone = textOf(fieldOf(upstream, 'whyNone'));
  const details = [
    ...some(count('standby'), 'on standby'),
    ...some(count('panic'), 'kept out'),
    ...some(count('untried'), 'not connected'),
    ...some(count('unknown'), 'not known'),
    ...(pending === 0 ? [] : [`${counted(pending, 'call')} ${pending === 1 ? 'waits' : 'wait'}`]),
  ];
  const why = endpoints.length > 0 || whyNone === '' ? '' : `: ${whyNone}`;
  const head = `upstream ${textOf(fieldOf(upstream, 'name'))}: ${[`${usable} of ${counted(endpoints.length, 'endpoint')} usable`, ...details].join(', ')}${why}`;
  return [
    usable === 0 && count('unknown') === 0 ? paint(process.stdout, 'red', head) : head,
    ...listOf(fieldOf(upstream, 'panic')).map(describePanic),
    ...endpoints.flatMap(describeEndpoint),
  ];
}

function some(count: number, what: string): readonly string[] {
  return count === 0 ? [] : [`${count} ${what}`];
}

function useOf(endpoint: unknown): Use {
  const used = fieldOf(endpoint, 'used');
  if (used === undefined) return 'unknown';
  const reasons = listOf(fieldOf(endpoint, 'whyNot')).map((reason) => fieldOf(reason, 'by'));
  const isConnected = hasConnection(endpoint);
  const isUnheard = isConnected === false || fieldOf(endpoint, 'heardSince') === false;
  if (reasons.includes('connecting') && isUnheard) return 'unusable';
  if (used === false)
    return reasons.length > 0 && reasons.every((by) => by === 'priority' || by === 'zone')
      ? 'standby'
      : 'unusable';
  if (used !== true) return 'partly';
  // All processes give it calls.
  if (reasons.some((by) => by === 'health' || by === 'outliers')) return 'panic';
  return isConnected === false && fieldOf(fieldOf(endpoint, 'health'), 'healthy') !== true
    ? 'untried'
    : 'usable';
}

/** @returns undefined if the answer does not say it */
function hasConnection(endpoint: unknown): boolean | undefined {
  const connections = fieldOf(endpoint, 'connections');
  if (connections === undefined) return undefined;
  return CONNECTED.some((state) => numberOf(fieldOf(connections, state) ?? 0) > 0);
}

function describePanic(panic: unknown): string {
  const [usable, total, priority] = ['usable', 'of', 'priority'].map((name) =>
    numberOf(fieldOf(panic, name)),
  );
  const few = `panic since ${localTime(fieldOf(panic, 'since'))}: ${usable} of ${counted(total, 'endpoint')} of priority ${priority} can be used`;
  return paint(process.stdout, 'red', `  ${few}, so those that are kept out get calls as well`);
}

function describeEndpoint(endpoint: unknown): readonly string[] {
  const use = useOf(endpoint);
  const [mark, colour] = MARKS[use];
  const details = [
    ...(use === 'unknown' ? ['its state is not known'] : []),
    ...(use === 'untried' ? ['not connected'] : []),
    ...(use === 'panic' ? ['gets calls in the panic'] : []),
    counted(numberOf(fieldOf(endpoint, 'activeCalls') ?? 0), 'call'),
    ...describeHeldUp(numberOf(fieldOf(endpoint, 'heldUp') ?? 0)),
    ...describeHealth(endpoint),
    ...describeProcesses(endpoint),
  ];
  return [
    `  ${colour === undefined ? mark : paint(process.stdout, colour, mark)} ${textOf(fieldOf(endpoint, 'address'))}  ${details.join(', ')}`,
    ...listOf(fieldOf(endpoint, 'whyNot')).map((reason) => `      ${describeReason(reason)}`),
  ];
}

function describeHeldUp(heldUp: number): readonly string[] {
  return heldUp === 0
    ? []
    : [paint(process.stdout, 'yellow', `${heldUp} ${heldUp === 1 ? 'waits' : 'wait'} for the service`)];
}

function describeHealth(endpoint: unknown): readonly string[] {
  const health = fieldOf(endpoint, 'health');
  if (health === undefined) return fieldOf(endpoint, 'used') === undefined ? [] : ['no health checks'];
  const isHealthy = fieldOf(health, 'healthy');
  if (typeof isHealthy !== 'boolean') return ['health not known yet'];
  return [`${isHealthy ? 'healthy' : 'unhealthy'} by ${textOf(fieldOf(health, 'method'))}`];
}

/** What only some of several processes have found: they try an endpoint by their own calls. */
function describeProcesses(endpoint: unknown): readonly string[] {
  const used = fieldOf(endpoint, 'used');
  if (typeof used !== 'string') return [];
  const failed = listOf(fieldOf(endpoint, 'whyNot')).find((reason) => fieldOf(reason, 'by') === 'connecting');
  if (failed === undefined || useOf(endpoint) !== 'unusable') return [`used ${textOf(used)}`];
  const all = /of (\d+) processes$/.exec(used)?.[1] ?? '';
  const others =
    hasConnection(endpoint) === true
      ? 'the others have heard nothing of it since'
      : 'not tried by the others since';
  return [`not reached by ${textOf(fieldOf(failed, 'processes'))} of ${all} processes, and ${others}`];
}

function describeReason(reason: unknown): string {
  const again = fieldOf(reason, 'triedAgainInSeconds');
  const details = [
    ...(fieldOf(reason, 'since') === undefined ? [] : [`since ${localTime(fieldOf(reason, 'since'))}`]),
    ...describeAgain(again, fieldOf(reason, 'triedAgain')),
  ].join(', ');
  return `${textOf(fieldOf(reason, 'sentence'))}${details === '' ? '' : ` (${details})`}`;
}

function describeAgain(seconds: unknown, moment: unknown): readonly string[] {
  if (moment !== undefined) return [`tried again ${textOf(moment)}`];
  return seconds === undefined ? [] : [`tried again in ${textOf(seconds)} s`];
}
