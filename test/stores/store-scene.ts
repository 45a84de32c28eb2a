// A proxy's view of one store, whose server is a script of the test: the process that takes leases is a real one.

import type { LeaseAnswer, LeaseAsk, StoreState } from '../../src/config/lease-messages.ts';
import type { StoreConfig } from '../../src/config/stores-config.ts';
import { forkCommand } from '../../src/control/fork-command.ts';
import { StoreWatch } from '../../src/control/store-watch.ts';
import { DiagnosisRing } from '../../src/observability/diagnosis-ring.ts';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { storeConfig } from '../support/store-config.ts';

export const ASK: LeaseAsk = {
  number: 7,
  store: 'fleet',
  limit: 'calls',
  ratePerSecond: 100,
  burst: 100,
  keys: ['one', 'two'],
  owed: [0, 3],
  least: [2, 4],
  wanted: [5, 5],
};

export function storeAt(port: number, more: Partial<StoreConfig> = {}): StoreConfig {
  return storeConfig({ servers: [{ host: '127.0.0.1', port }], ...more });
}

/** A test, or a run that calls what it was given at its end. */
interface SceneOwner {
  after(end: () => Promise<void>): void;
}

export class StoreScene {
  readonly states: StoreState[] = [];
  readonly lines: string[] = [];
  readonly diagnoses = new DiagnosisRing();
  readonly watch: StoreWatch;

  constructor(t: SceneOwner, processes = 1, fork = () => forkCommand('take-leases')) {
    const log = (fields: object, message: string): void => {
      this.lines.push(`${message} ${JSON.stringify(fields)}`);
    };
    this.watch = new StoreWatch({
      publish: (state) => this.states.push(state),
      logger: { info: log, warn: log, error: log },
      diagnoses: this.diagnoses,
      carriers: () => processes,
      fork,
    });
    t.after(() => this.watch.close());
  }

  async use(...stores: readonly StoreConfig[]): Promise<void> {
    const change = await this.watch.prepare(stores);
    await change.commit();
  }

  get isUp(): boolean {
    return this.states.at(-1)?.isUp === true;
  }

  async comesUp(): Promise<void> {
    await eventually('the store answers', () => this.isUp, START_TIMEOUT_MS);
  }

  async goesDown(): Promise<void> {
    await eventually('the store does not answer', () => !this.isUp);
  }

  ask(about: Partial<LeaseAsk> = {}): Promise<LeaseAnswer> {
    return new Promise((resolve) => {
      this.watch.ask({ ...ASK, ...about }, resolve);
    });
  }

  get log(): string {
    return this.lines.join('\n');
  }

  metric(name: string): readonly number[] {
    return [...(this.watch.metrics.find((one) => one.name === name)?.values ?? [])];
  }
}
