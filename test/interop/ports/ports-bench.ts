// What all rows of the table share: one Framegate with every kind of port, and the services behind it. Started by the
// first row that runs, stopped after the last.

import { eventually } from '../../support/eventually.ts';
import type { Report } from '../child-process.ts';
import { FramegateProcess } from '../framegate-process.ts';
import type { RunSetup } from '../workbench.ts';
import { configurationText, type UpstreamPorts } from './configuration.ts';
import type { PortName } from './port-row.ts';
import { type Services, startServices } from './services.ts';

/** GET /api/diagnoses. */
export interface Diagnoses {
  readonly counts: Readonly<Record<string, number>>;
  readonly recent: readonly Report[];
}

export class PortsBench {
  readonly run: RunSetup;
  readonly #framegate: FramegateProcess;
  readonly #services: Services;
  readonly #adminAddress: string;

  private constructor(run: RunSetup, framegate: FramegateProcess, services: Services) {
    this.run = run;
    this.#framegate = framegate;
    this.#services = services;
    const admin = framegate.child.reports.find(({ msg }) => msg === 'admin server listens');
    if (typeof admin?.address !== 'string')
      throw new Error('framegate did not log the address of its admin server');
    this.#adminAddress = admin.address;
  }

  static async start(run: RunSetup): Promise<PortsBench> {
    const services = await startServices(run.certificates);
    const spawned: { signal(name: NodeJS.Signals): void }[] = [];
    try {
      const text = configurationText(services.ports, run.certificates);
      const framegate = await FramegateProcess.launch(run.folder, text, (child) => spawned.push(child));
      return new PortsBench(run, framegate, services);
    } catch (error) {
      for (const child of spawned) child.signal('SIGKILL');
      await services.stop();
      throw error;
    }
  }

  get upstreamPorts(): UpstreamPorts {
    return this.#services.ports;
  }

  /** Every line of Framegate's log so far. */
  get log(): readonly Report[] {
    return this.#framegate.child.reports;
  }

  portOf(listener: PortName): number {
    return Number(this.#framegate.addressOf(listener).split(':').at(-1));
  }

  async diagnoses(): Promise<Diagnoses> {
    const response = await fetch(`http://${this.#adminAddress}/api/diagnoses`);
    const answer: unknown = await response.json();
    if (!isDiagnoses(answer)) throw new Error(`/api/diagnoses answered ${JSON.stringify(answer)}`);
    return answer;
  }

  /** The first line from `position` on that matches, past or to come. */
  logged(what: string, matches: (line: Report) => boolean, position = 0): Promise<Report> {
    return eventually(`a line of the log: ${what}`, () => this.log.slice(position).find(matches), 5000);
  }

  async stop(): Promise<readonly string[]> {
    const problems = await this.#framegate.stop();
    await this.#services.stop();
    return problems;
  }
}

function isDiagnoses(value: unknown): value is Diagnoses {
  return (
    typeof value === 'object' &&
    value !== null &&
    'counts' in value &&
    typeof value.counts === 'object' &&
    'recent' in value &&
    Array.isArray(value.recent)
  );
}
