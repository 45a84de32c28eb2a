// The command line of the benchmark.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { OTHER_PEER_NAMES } from './peers.ts';
import { WORKLOADS } from './workloads.ts';

export interface Options {
  readonly peerNames: readonly string[];
  readonly workloadNames: readonly string[];
  readonly rounds: number;
  readonly runCpuMs: number;
  readonly assert: boolean;
  readonly jsonFile: string | undefined;
  readonly profileFolder: string | undefined;
  readonly nodeProgram: string;
  /** A built dist/main.js to measure instead of this project's, which is then not built. */
  readonly framegateMain: string | undefined;
}

export const PEER_NAMES: readonly string[] = ['framegate', ...OTHER_PEER_NAMES];

export const HELP = `npm run bench -- [options]

Compares the CPU time per call of Framegate with that of other proxies on this machine.

  --quick              shorter runs, two rounds: under three minutes in total
  --only NAMES         of ${PEER_NAMES.join(',')}
  --workload NAMES     of ${WORKLOADS.map(({ name }) => name).join(',')}
  --rounds N           rounds per workload (3); the table shows medians
  --json FILE          writes every figure to FILE
  --assert             exit code 1 when a limit is not kept
  --cpu-prof DIR       writes a CPU profile of Framegate per workload (the profiler itself costs time)
  --node PATH          runs Framegate with this Node
  --framegate FILE     measures this dist/main.js; the project is not built
  --help
`;

/** Throws an Error with a sentence for the user when the command line is wrong; undefined when it asks for help. */
export function parseOptions(commandLine: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...commandLine],
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      workload: { type: 'string' },
      rounds: { type: 'string' },
      json: { type: 'string' },
      assert: { type: 'boolean', default: false },
      'cpu-prof': { type: 'string' },
      node: { type: 'string', default: process.execPath },
      framegate: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  const rounds = Number(values.rounds ?? (values.quick ? 2 : 3));
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds wants a whole number from 1');
  return {
    peerNames: chosen('--only', values.only, PEER_NAMES),
    workloadNames: chosen(
      '--workload',
      values.workload,
      WORKLOADS.map(({ name }) => name),
    ),
    rounds,
    runCpuMs: values.quick ? 700 : 1500,
    assert: values.assert,
    jsonFile: values.json,
    profileFolder: values['cpu-prof'] === undefined ? undefined : resolve(values['cpu-prof']),
    nodeProgram: values.node,
    framegateMain: values.framegate === undefined ? undefined : resolve(values.framegate),
  };
}

function chosen(option: string, text: string | undefined, known: readonly string[]): readonly string[] {
  if (text === undefined) return known;
  const names = text.split(',').map((name) => name.trim());
  const unknown = names.filter((name) => !known.includes(name));
  if (unknown.length > 0)
    throw new Error(`${option}: unknown ${unknown.join(', ')} (known: ${known.join(', ')})`);
  // In the usual order, whatever the order they were named in.
  return known.filter((name) => names.includes(name));
}
