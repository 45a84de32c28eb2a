// Makes cases of the rows: each one runs its client, then looks for the diagnosis in the log and in the admin API, and makes an
// ordinary call on the same port. What the row itself asserts is only what the client got.

import assert from 'node:assert/strict';
import { status } from '../../../src/demo/grpc.ts';
import { type DiagnosisToken, diagnosisCode } from '../../../src/diagnosis/codes.ts';
import { type RefusalToken, refusalTokens } from '../../../src/diagnosis/refusal.ts';
import { makeRefusal } from '../../../src/listeners/refusal.ts';
import { eventually } from '../../support/eventually.ts';
import type { Report } from '../child-process.ts';
import type { InteropCase } from '../interop-case.ts';
import type { RunSetup } from '../workbench.ts';
import { type PortName, type ProvenRow, rowName } from './port-row.ts';
import { PortsBench } from './ports-bench.ts';
import { DEFAULT_HOST, RowBench } from './row-bench.ts';
import { portRows } from './rows.ts';
import { remedyFor, type Tools } from './tools.ts';

export interface PortSuite {
  readonly cases: readonly InteropCase[];
  /** Says what is wrong with how Framegate took it all. */
  readonly close: () => Promise<readonly string[]>;
}

const callDeadlineMs = 15_000;
const shownLogLines = 8;

export function portSuite(tools: Tools): PortSuite {
  let starting: Promise<PortsBench> | undefined;
  const start = (run: RunSetup): Promise<PortsBench> => {
    starting ??= PortsBench.start(run);
    return starting;
  };
  const rows = portRows.filter((row) => 'run' in row);
  const cases = rows.map((row, index): InteropCase => {
    const missing = row.needs.filter((tool) => !tools.has(tool));
    const reason = missing.map(remedyFor).join(', ');
    return {
      name: rowName(row),
      ...(reason === '' ? {} : { cannotRun: () => reason }),
      run: async (bench) => runRow(row, await start(bench.run), sourceOf(index), tools),
    };
  });
  // Where it could not be started every row has said so.
  const close = async () => (await starting?.catch(() => undefined))?.stop() ?? [];
  return { cases, close };
}

/** Of 127.1.0.0/16, all of which Linux takes for its own. */
function sourceOf(index: number): string {
  return `127.1.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}

async function runRow(row: ProvenRow, ports: PortsBench, source: string, tools: Tools): Promise<void> {
  const bench = new RowBench(ports, row.port, source, tools);
  const startedAtEpochMs = Date.now();
  try {
    await row.run(bench);
    await checkDiagnosis(row, bench, startedAtEpochMs);
    await checkOrdinaryCall(row, bench);
  } catch (error) {
    const lines = ports.log.slice(bench.logPosition).slice(-shownLogLines);
    const log = lines.map((line) => JSON.stringify(line)).join('\n');
    throw new Error(`${error instanceof Error ? error.message : String(error)}\nlog of framegate:\n${log}`, {
      cause: error,
    });
  }
}

async function checkDiagnosis(
  { token }: ProvenRow,
  bench: RowBench,
  startedAtEpochMs: number,
): Promise<void> {
  const { ports } = bench;
  const recent = async () => (await ports.diagnoses()).recent;
  if (token !== undefined) {
    const code = diagnosisCode(token);
    const isIt = (line: Report) => line.code === code && line.token === token && isAbout(line, bench);
    // An endpoint is not tried again at once, so that its diagnosis may be older than the row.
    const isNow = (entry: Report) => 'endpoint' in entry || Number(entry.lastAtEpochMs) >= startedAtEpochMs;
    const isKept = async () => (await recent()).some((entry) => isIt(entry) && isNow(entry));
    await eventually(`${code} of ${bench.clientHost} at /api/diagnoses`, isKept, 5000);
    if (!isRoutine(token)) await ports.logged(`${code} ${token} of ${bench.clientHost}`, isIt);
  }
  if (bench.clientHost === DEFAULT_HOST) return;
  const others = (await recent()).filter((entry) => entry.token !== token && isOf(entry, bench.source));
  assert.deepEqual(others, [], 'other diagnoses of this client');
}

/** Such are counted, and kept for the admin API, but logged at level debug. */
function isRoutine(token: DiagnosisToken): boolean {
  return isRefusalToken(token) && makeRefusal('', '', token).routine;
}

function isRefusalToken(token: DiagnosisToken): token is RefusalToken {
  return refusalTokens.includes(token);
}

/** Refused clients are told by their address, unreachable endpoints by theirs. */
function isAbout(line: Report, { clientHost }: RowBench): boolean {
  return 'endpoint' in line || isOf(line, clientHost);
}

function isOf({ client }: Report, host: string): boolean {
  return typeof client === 'string' && client.startsWith(`${host}:`);
}

const ORDINARY: Readonly<Record<PortName, PortName>> = {
  tls: 'tls',
  plaintext: 'plaintext',
  'tls-accept': 'tls-accept',
  'tls-close': 'tls-close',
  'plaintext-close': 'plaintext-close',
  // grpc-js sends no PROXY header.
  'tls-proxied': 'tls',
  'plaintext-proxied': 'plaintext',
};

async function checkOrdinaryCall({ port }: ProvenRow, { ports, source }: RowBench): Promise<void> {
  const listener = ORDINARY[port];
  const bench = new RowBench(ports, listener, source, new Map());
  const client = bench.grpcJs(listener.startsWith('tls') ? 'secure' : 'insecure');
  try {
    const { code, details, reply } = await client.say({ text: 'afterwards' }, { deadlineMs: callDeadlineMs });
    assert.equal(code, status.OK, `an ordinary call afterwards: ${details}`);
    assert.equal(reply?.text, 'You said: afterwards');
  } finally {
    client.close();
  }
}
