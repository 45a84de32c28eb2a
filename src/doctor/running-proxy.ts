// Finds a Framegate that runs already, by the admin address of a configuration, and tells whether it runs with that configuration.
// What it answers is not believed further than it has the expected form.

import type { Config } from '../config/config.ts';
import { type AdminTarget, adminTargetOf } from '../control/admin-target.ts';
import { fieldOf, listOf, numberOf, textOf } from '../control/answer-fields.ts';
import { askAdmin } from '../control/ask-admin.ts';
import { readRunningConfiguration, runsWith } from '../control/running-configuration.ts';
import { CUT } from './finding.ts';

export interface RunningProxy {
  /** The file of its configuration. */
  readonly file: string;
  /** The addresses that its listeners have in its configuration, as written. */
  readonly addresses: ReadonlySet<string>;
  /** Whether it runs with another configuration than the one whose admin address it holds. */
  readonly isOther: boolean;
}

/** A proxy on this machine answers at once. */
const ANSWER_WITHIN_MS = 1000;
/** What answers may be any program. All of it is read, and secrets are looked for in each diagnosis. */
const MOST_BYTES = 4 * 1024 * 1024;
/** A proxy tells of fewer. */
const MOST_DIAGNOSES = 256;
const MOST_CLIENTS = 256;
/** A proxy cuts its sentences before. */
const MOST_SENTENCE_CHARACTERS = 600;

/** Never rejects. @returns undefined if none answers there */
export async function findRunningProxy(config: Config, file: string): Promise<RunningProxy | undefined> {
  const admin = adminTargetOf(config);
  const running = admin && readRunningConfiguration(await ask(admin, '/api/config'));
  if (running === undefined) return undefined;
  const { file: theirs, addresses } = running;
  return { file: theirs, addresses, isOther: runsWith(running, { file, config }) === false };
}

async function ask(admin: AdminTarget, path: string): Promise<unknown> {
  const answer = await askAdmin(admin, 'GET', path, { timeoutMs: ANSWER_WITHIN_MS, mostBytes: MOST_BYTES });
  return typeof answer === 'string' ? undefined : answer.body;
}

export interface SeenDiagnosis {
  readonly token: string;
  readonly code: string;
  readonly sentence: string;
  readonly client: string;
  readonly count: number;
  /** Undefined if the proxy does not tell it. */
  readonly lastAtEpochMs: number | undefined;
}

/** A gRPC library that has connected to a running proxy. The names have only letters, digits and a few other characters. */
export interface SeenClient {
  readonly library: string;
  readonly version: string;
  readonly connections: number;
  readonly lastAtEpochMs: number;
}

/** What a running proxy has seen. */
export interface Seen {
  /** The newest first. */
  readonly diagnoses: readonly SeenDiagnosis[];
  /** Those seen last first. */
  readonly clients: readonly SeenClient[];
}

/** Never rejects. */
export async function askSeen(admin: AdminTarget | undefined): Promise<Seen> {
  const answer = admin && (await ask(admin, '/api/diagnoses'));
  return { diagnoses: diagnosesIn(answer), clients: clientsIn(answer) };
}

function clientsIn(answer: unknown): readonly SeenClient[] {
  return listOf(fieldOf(answer, 'clients'))
    .slice(0, MOST_CLIENTS)
    .flatMap((entry) => {
      const [library, version] = [fieldOf(entry, 'library'), fieldOf(entry, 'version')];
      if (typeof library !== 'string' || typeof version !== 'string') return [];
      if (!/^[a-z+-]{1,32}$/.test(library) || !/^[a-z0-9.-]{0,32}$/.test(version)) return [];
      const lastAtEpochMs = fieldOf(entry, 'lastAtEpochMs');
      const isTime = typeof lastAtEpochMs === 'number' && Math.abs(lastAtEpochMs) <= 8.64e15;
      return isTime
        ? [{ library, version, connections: numberOf(fieldOf(entry, 'connections')), lastAtEpochMs }]
        : [];
    });
}

function diagnosesIn(answer: unknown): readonly SeenDiagnosis[] {
  return listOf(fieldOf(answer, 'recent'))
    .slice(0, MOST_DIAGNOSES)
    .map((entry) => {
      const [client, lastAtEpochMs] = [fieldOf(entry, 'client'), fieldOf(entry, 'lastAtEpochMs')];
      return {
        token: boundedText(fieldOf(entry, 'token')),
        code: boundedText(fieldOf(entry, 'code')),
        sentence: boundedText(fieldOf(entry, 'sentence')),
        client: typeof client === 'string' ? boundedText(client) : '',
        count: numberOf(fieldOf(entry, 'count')),
        lastAtEpochMs: typeof lastAtEpochMs === 'number' ? lastAtEpochMs : undefined,
      };
    });
}

/** Cut with a mark, before which a beginning of a secret is recognised. */
function boundedText(value: unknown): string {
  const isLong = typeof value === 'string' && value.length > MOST_SENTENCE_CHARACTERS;
  return textOf(isLong ? `${value.slice(0, MOST_SENTENCE_CHARACTERS)}${CUT}` : value);
}
