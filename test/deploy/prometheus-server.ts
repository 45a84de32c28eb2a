// A Prometheus that scrapes one Framegate, with the rules of deploy/prometheus.

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, START_TIMEOUT_MS } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';
import type { CaseContext } from './cases.ts';
import { Background } from './commands.ts';

const RULES = join(import.meta.dirname, '../../deploy/prometheus/framegate-alerts.yaml');

export interface QueriedSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeSeconds: number, value: string];
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly lastError?: string;
}

export class PrometheusServer {
  readonly #url: string;

  private constructor(url: string) {
    this.#url = url;
  }

  /** @param admin HOST:PORT of the admin server of a Framegate. It is the label `instance`; the job is called framegate */
  static async start({ folder, after }: CaseContext, admin: string): Promise<PrometheusServer> {
    const file = join(folder, 'prometheus.yaml');
    const data = join(folder, 'data');
    mkdirSync(data);
    writeFileSync(
      file,
      JSON.stringify({
        global: { scrape_interval: '500ms', scrape_timeout: '500ms', evaluation_interval: '1s' },
        rule_files: [RULES],
        scrape_configs: [{ job_name: 'framegate', static_configs: [{ targets: [admin] }] }],
      }),
    );
    const address = `127.0.0.1:${await freePort()}`;
    const background = new Background([
      'prometheus',
      `--config.file=${file}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=${address}`,
    ]);
    after(() => background.kill());
    await background.says(/Server is ready to receive web requests/, START_TIMEOUT_MS);
    return new PrometheusServer(`http://${address}`);
  }

  /** Fails if Prometheus finds something wrong with the query. */
  async query(expr: string): Promise<readonly QueriedSeries[]> {
    const data = await this.#ask<{ result: readonly QueriedSeries[] }>('query', { query: expr });
    return data.result;
  }

  async labelValues(label: string, series: string): Promise<readonly string[]> {
    return this.#ask<readonly string[]>(`label/${label}/values`, { 'match[]': series });
  }

  /** All rules, once each was evaluated. */
  async rules(): Promise<readonly Rule[]> {
    return eventually(
      'every rule was evaluated',
      async () => {
        const { groups } = await this.#ask<{ groups: readonly { rules: readonly Rule[] }[] }>('rules', {});
        const rules = groups.flatMap((group) => group.rules);
        return rules.every(({ health }) => health !== 'unknown') && rules;
      },
      START_TIMEOUT_MS,
    );
  }

  async #ask<Data>(path: string, query: Readonly<Record<string, string>>): Promise<Data> {
    const response = await fetch(`${this.#url}/api/v1/${path}?${new URLSearchParams(query).toString()}`);
    const reply: { status: string; error?: string; data: Data } = JSON.parse(await response.text());
    assert.equal(reply.status, 'success', `${path} ${JSON.stringify(query)}: ${reply.error}`);
    return reply.data;
  }
}
