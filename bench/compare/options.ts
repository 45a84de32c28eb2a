// The command line of the benchmark.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OTHER_PEER_NAMES } from './peers.ts';
import { HELD_PEERS } from './recorded.ts';
import type { Durations } from './surroundings.ts';
import { rowsOf, VALIDATION, WORKLOADS, type Workload } from './workloads.ts';

export interface Options {
  readonly peerNames: readonly string[];
  readonly workloads: readonly Workload[];
  readonly durations: Durations;
  /** Whether to compare with bench/recorded.json. */
  readonly check: boolean;
  /** Whether to write bench/recorded.json. */
  readonly record: boolean;
  /** Whether to write docs/benchmarks. */
  readonly write: boolean;
  readonly assert: boolean;
  readonly jsonFile: string | undefined;
  readonly profileFolder: string | undefined;
  readonly nodeProgram: string;
  /** A built dist/main.js to measure instead of this project's, which is then not built. */
  readonly framegateMain: string | undefined;
  readonly commandLine: string;
}

export const PEER_NAMES: readonly string[] = ['framegate', ...OTHER_PEER_NAMES];

const FULL: Durations = { rounds: 3, runCpuMs: 800, voiceMs: 3000, latencyMs: 3000, idleRounds: 1 };
const QUICK: Durations = { rounds: 2, runCpuMs: 400, voiceMs: 2000, latencyMs: 3000, idleRounds: 1 };
const CHECK: Durations = { rounds: 3, runCpuMs: 350, voiceMs: 1500, latencyMs: 3000, idleRounds: 1 };

export const HELP = `npm run bench -- [options]

Compares Framegate with other proxies on this machine: CPU time per call, round trips, memory.

  --quick              the main workloads, shorter runs, two rounds: under three minutes
  --check              for CI: under three minutes; exit code 1 when a ratio to ${HELD_PEERS.join(' or ')} is
                       much worse than the recorded one (bench/recorded.json)
  --workload NAMES     only these, separated by commas (see --list)
  --peer NAMES         only these: ${PEER_NAMES.join(',')}
  --rounds N           runs of each proxy in each workload (3); the table shows medians
  --list               says what is measured
  --json FILE          writes every figure to FILE
  --write              writes table, charts and figures to docs/benchmarks
  --record             writes bench/recorded.json: the workloads of --check, of --write's run where both are given
  --assert             exit code 1 when Framegate misses a target
  --cpu-prof DIR       writes a CPU profile of Framegate per workload (the profiler itself costs time)
  --node PATH          runs Framegate with this Node
  --framegate FILE     measures this dist/main.js; the project is not built
  --help
`;

export function listLines(): readonly string[] {
  return [...WORKLOADS, VALIDATION].flatMap(({ name, rows, inQuick, inCheck }) => {
    const where = [inQuick ? 'quick' : '', inCheck ? 'check' : ''].filter((text) => text !== '').join(', ');
    return [
      `${name}${where === '' ? '' : ` (${where})`}`,
      ...rows.map(({ title, unit }) => `    ${title} [${unit}]`),
    ];
  });
}

/** Throws an Error for the user if the command line is wrong. @returns the options, or the help text if that was asked for */
export function parseOptions(commandLine: readonly string[]): Options | string {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      quick: { type: 'boolean', default: false },
      check: { type: 'boolean', default: false },
      peer: { type: 'string' },
      workload: { type: 'string' },
      rounds: { type: 'string' },
      list: { type: 'boolean', default: false },
      json: { type: 'string' },
      write: { type: 'boolean', default: false },
      record: { type: 'boolean', default: false },
      assert: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      node: { type: 'string', default: process.execPath },
      framegate: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return HELP;
  if (values.list) return listLines().join('\n');
  const { record, quick } = values;
  const check = values.check;
  // With --write everything is measured, and only the rows to hold are recorded.
  const isShort = check || (record && !values.write);
  const preset = check ? CHECK : quick ? QUICK : FULL;
  const rounds = Number(values.rounds ?? preset.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds wants a whole number from 1');
  const heldOnly = isShort ? ['framegate', ...HELD_PEERS] : PEER_NAMES;
  return {
    peerNames: values.peer === undefined ? heldOnly : chosen('--peer', values.peer, PEER_NAMES),
    workloads: workloadsOf(values.workload, isShort, quick),
    durations: { ...preset, rounds },
    check,
    record,
    write: values.write,
    assert: values.assert,
    jsonFile: values.json,
    profileFolder: values['cpu-prof'] === undefined ? undefined : resolve(values['cpu-prof']),
    nodeProgram: values.node,
    framegateMain: values.framegate === undefined ? undefined : resolve(values.framegate),
    commandLine: commandLine.join(' '),
  };
}

function workloadsOf(text: string | undefined, check: boolean, quick: boolean): readonly Workload[] {
  if (text !== undefined) {
    const known = [...WORKLOADS, VALIDATION];
    const names = chosen(
      '--workload',
      text,
      known.map(({ name }) => name),
    );
    return known.filter(({ name }) => names.includes(name));
  }
  if (check) return WORKLOADS.filter(({ inCheck }) => inCheck);
  return quick ? WORKLOADS.filter(({ inQuick }) => inQuick) : WORKLOADS;
}

/** @returns the rows that are recorded and checked: only CPU times, because round trips depend too much on the machine */
export function heldRowNames(workloads: readonly Workload[]): readonly string[] {
  return rowsOf(workloads.filter(({ inCheck }) => inCheck))
    .filter(({ unit }) => unit.startsWith('µs CPU'))
    .map(({ name }) => name);
}

function chosen(option: string, text: string, known: readonly string[]): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`${option}: unknown ${unknown.join(', ')} (known: ${known.join(', ')})`);
  // The result has the usual order, whatever the order on the command line.
  return known.filter((name) => names.includes(name));
}
