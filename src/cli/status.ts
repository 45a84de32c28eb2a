// `framegate status`: prints the state of a running proxy, and for each endpoint whether it gets calls and why not.

import { counted } from '../config/counted.ts';
import { type AdminTarget } from '../control/admin-target.ts';
import { fieldOf, listOf, numberOf, textOf } from '../control/answer-fields.ts';
import { type AdminAnswer, askAdmin } from '../control/ask-admin.ts';
import { describeStoreAnswer, describeWithoutStore } from '../diagnosis/store-answer.ts';
import { harmlessJson } from '../observability/json-text.ts';
import { ADMIN_OPTIONS_HELP, adminOptions, describeOtherFile, findAdmin } from './admin-client.ts';
import { localTime } from './local-time.ts';
import { readOptions } from './options.ts';
import { paint } from './paint.ts';
import { describeUpstream, isOut } from './upstream-status.ts';

const usage = `Usage: framegate status [--admin ADDRESS | -c FILE] [--token-file FILE] [--json]

Shows what a running proxy does: whether it takes calls, which upstreams have
no endpoint left, its configuration and whether the last reload was refused,
workers that have died, its certificates, the keys of its identities, its
stores, what becomes of its spans, and for each endpoint whether it can be
used, and why not.

${ADMIN_OPTIONS_HELP}
      --json           all answers of the admin server, as one JSON object
  -h, --help           show this help

Exit code: 0 when the proxy takes calls (GET /ready), whatever its upstreams
are; 1 when it does not or cannot be asked.
`;

const PAGES = { ready: '/ready', config: '/api/config', upstreams: '/api/upstreams' } as const;
/** A certificate with no more days left is shown as a warning, as the log and the doctor warn of it. */
const fewDays = 21;
/** More upstreams are not named in one line. */
const MOST_NAMED = 8;

type Answers = Readonly<Record<keyof typeof PAGES, AdminAnswer>>;

export async function status(argv: readonly string[]): Promise<number> {
  const parsed = readOptions(argv, { ...adminOptions, json: { type: 'boolean', default: false } });
  if (typeof parsed === 'string') return fail(`${parsed}\n\n${usage}`);
  if (parsed.values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const found = findAdmin(parsed.values);
  if (typeof found === 'string') return fail(`${found}\n`);
  if (found.fault !== undefined) process.stderr.write(`framegate status: ${found.fault}\n`);
  const answers = await askAll(found);
  if (typeof answers === 'string') return fail(`${answers}\n`);
  const other = describeOtherFile(found, answers.config.body);
  if (other !== undefined) process.stderr.write(`framegate status: ${other}\n`);
  const isReady = answers.ready.status === 200;
  if (parsed.values.json) {
    const { ready, config, upstreams } = answers;
    const reason = isReady ? {} : { reason: ready.body };
    const all = {
      ready: isReady,
      ...reason,
      config: config.body,
      upstreams: fieldOf(upstreams.body, 'upstreams'),
    };
    process.stdout.write(`${harmlessJson(JSON.stringify(all))}\n`);
  } else {
    for (const line of describe(answers, isReady)) process.stdout.write(`${line}\n`);
  }
  return isReady ? 0 : 1;
}

async function askAll(target: AdminTarget): Promise<Answers | string> {
  const [ready, config, upstreams] = await Promise.all(
    [PAGES.ready, PAGES.config, PAGES.upstreams].map((path) => askAdmin(target, 'GET', path)),
  );
  for (const answer of [ready, config, upstreams]) if (typeof answer === 'string') return answer;
  if (typeof ready === 'string' || typeof config === 'string' || typeof upstreams === 'string') return '';
  const isOurs = typeof fieldOf(config.body, 'epoch') === 'number';
  return isOurs
    ? { ready, config, upstreams }
    : `what answers on ${target.address.text} is no admin server of Framegate (HTTP ${config.status} for ${PAGES.config})`;
}

function describe({ ready, config, upstreams }: Answers, isReady: boolean): readonly string[] {
  const all = listOf(fieldOf(upstreams.body, 'upstreams'));
  return [
    isReady
      ? paint(process.stdout, 'green', 'ready: the proxy takes calls')
      : paint(process.stdout, 'red', `not ready: ${textOf(ready.body)}`),
    // A proxy is ready whatever its upstreams are, since those of other routes take calls.
    ...describeSome(all, isOut, 'but no endpoint can be used'),
    ...describeSome(all, isInPanic, 'panic, as too few endpoints can be used'),
    ...describeConfiguration(config.body),
    ...describeDeaths(fieldOf(config.body, 'workerDeaths')),
    ...describeRefusedReload(fieldOf(fieldOf(config.body, 'reloads'), 'lastError')),
    ...listOf(fieldOf(config.body, 'certificates')).map(describeCertificate),
    ...listOf(fieldOf(config.body, 'keys')).map(describeKeys),
    ...listOf(fieldOf(config.body, 'stores')).map(describeStore),
    ...describeTraces(fieldOf(config.body, 'traces')),
    ...all.flatMap(describeUpstream),
  ];
}

/** @returns one line about those upstreams of which something is so, or none */
function describeSome(
  all: readonly unknown[],
  isSo: (upstream: unknown) => boolean,
  what: string,
): readonly string[] {
  const names = all.filter(isSo).map((upstream) => textOf(fieldOf(upstream, 'name')));
  if (names.length === 0) return [];
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  const shown = `${names.slice(0, MOST_NAMED).join(', ')}${more}`;
  return [
    paint(process.stdout, 'red', `${what}: ${shown} (${names.length} of ${counted(all.length, 'upstream')})`),
  ];
}

function isInPanic(upstream: unknown): boolean {
  return listOf(fieldOf(upstream, 'panic')).length > 0;
}

function describeConfiguration(body: unknown): readonly string[] {
  const file = textOf(fieldOf(fieldOf(body, 'config'), 'file'));
  const processes = listOf(fieldOf(body, 'processes'));
  const connections = processes
    .map((one) => numberOf(fieldOf(fieldOf(one, 'connections'), 'open')))
    .reduce((sum, open) => sum + open, 0);
  const draining = listOf(fieldOf(body, 'workers')).filter((one) => fieldOf(one, 'state') === 'draining');
  const older = listOf(fieldOf(body, 'olderEpochs')).length;
  const lines = [
    `configuration: ${file}, epoch ${textOf(fieldOf(body, 'epoch'))}, loaded ${localTime(fieldOf(body, 'loadedAt'))}`,
    `now: ${counted(numberOf(fieldOf(body, 'calls')), 'call')}, ${counted(connections, 'connection')} of clients, ${counted(processes.length, 'process')}${describeDraining(draining.length)}`,
  ];
  if (older > 0)
    lines.push(`${counted(older, 'older configuration')} still ${older === 1 ? 'has' : 'have'} calls`);
  const warnings = listOf(fieldOf(body, 'warnings')).map((warning) =>
    paint(process.stdout, 'yellow', textOf(warning)),
  );
  return [...lines, ...warnings];
}

/** Workers that were replaced, or all of them where the proxy drains. */
function describeDraining(count: number): string {
  if (count === 0) return '';
  const who = count === 1 ? '1 drains and ends after its' : `${count} drain and end after their`;
  return `, of which ${who} last call`;
}

/** @returns a line, or none if no worker has died */
function describeDeaths(deaths: unknown): readonly string[] {
  if (deaths === undefined) return [];
  const count = numberOf(fieldOf(deaths, 'count'));
  const last = fieldOf(deaths, 'last');
  const [how, at] = [textOf(fieldOf(last, 'how')), localTime(fieldOf(last, 'at'))];
  const which = count === 1 ? '' : ' the last one';
  const line = `${counted(count, 'worker')} ${count === 1 ? 'has' : 'have'} died since the start,${which} at ${at} (${how}), and ${counted(numberOf(fieldOf(last, 'calls')), 'call')} with it: see the log`;
  return [paint(process.stdout, 'yellow', line)];
}

/** @returns a line, or none if no reload was refused or failed since the last good one */
function describeRefusedReload(lastError: unknown): readonly string[] {
  if (lastError === undefined) return [];
  const [first = '', ...others] = listOf(fieldOf(lastError, 'problems')).map(textOf);
  const more = others.length === 0 ? '' : ` (and ${counted(others.length, 'problem')} more)`;
  const line = `the last reload was refused at ${localTime(fieldOf(lastError, 'at'))}, so the configuration is the one before: ${first}${more}`;
  return [paint(process.stdout, 'red', line)];
}

function describeCertificate(certificate: unknown): string {
  const user = ['listener', 'upstream'].find((kind) => fieldOf(certificate, kind) !== undefined) ?? '';
  const days = numberOf(fieldOf(certificate, 'daysLeft'));
  const which = `certificate of ${user} ${textOf(fieldOf(certificate, user))}: ${textOf(fieldOf(certificate, 'file'))}`;
  if (days < 0) return paint(process.stdout, 'red', `${which} has expired`);
  const line = `${which}, ${counted(days, 'day')} left`;
  return days <= fewDays ? paint(process.stdout, 'yellow', line) : line;
}

function describeKeys(one: unknown): string {
  const which = `keys of identity ${textOf(fieldOf(one, 'identity'))}: ${textOf(fieldOf(one, 'source'))}`;
  const keys = numberOf(fieldOf(one, 'keys'));
  const reason = textOf(fieldOf(one, 'reason'));
  if (reason === '') {
    const line = `${which}, ${counted(keys, 'key')} in use`;
    return keys === 0 ? paint(process.stdout, 'yellow', line) : line;
  }
  const last = keys === 1 ? 'the last one stays in use' : `the last ${keys} stay in use`;
  const then = keys === 0 ? 'its clients cannot be recognised' : last;
  return paint(process.stdout, 'red', `${which} cannot be read (${reason}): ${then}`);
}

function describeStore(store: unknown): string {
  const which = `store of shared limits ${textOf(fieldOf(store, 'name'))}: ${textOf(fieldOf(store, 'servers'))}`;
  const isUp = fieldOf(store, 'isUp');
  const processes = fieldOf(store, 'processes');
  if (isUp === true && typeof processes !== 'number') return `${which}, answers`;
  if (isUp === true)
    return `${which}, answers; ${counted(numberOf(processes), 'process')} share${processes === 1 ? 's' : ''} it`;
  if (isUp !== false) return `${which}, not connected yet`;
  const holds = describeWithoutStore(textOf(fieldOf(store, 'failure')));
  const reason = textOf(fieldOf(store, 'reason'));
  const known = describeStoreAnswer(reason);
  const line =
    known === undefined
      ? `${which} does not answer (${reason}): ${holds}`
      : `${which} ${known.predicate} (${reason}): ${known.remedy}; until then ${holds}`;
  return paint(process.stdout, 'red', line);
}

/** @returns a line, or none without `trace` */
function describeTraces(traces: unknown): readonly string[] {
  if (traces === undefined) return [];
  const [exported, waiting, lost] = ['exported', 'waiting', 'lost'].map((name) =>
    numberOf(fieldOf(traces, name)),
  );
  const line = `collector of traces: ${textOf(fieldOf(traces, 'exporter'))}, ${counted(exported, 'span')} exported, ${waiting} waiting, ${lost} lost`;
  const reason = textOf(fieldOf(traces, 'reason'));
  if (reason !== '')
    return [paint(process.stdout, 'red', `${line}; spans cannot be exported now (${reason})`)];
  return [lost > 0 ? paint(process.stdout, 'yellow', line) : line];
}

function fail(message: string): number {
  process.stderr.write(`framegate status: ${message}`);
  return 1;
}
