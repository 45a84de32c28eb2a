// Reads GET /api/dashboard of a proxy process, and holds each message against the OpenAPI document.

import assert from 'node:assert/strict';
import type {
  DashboardFacts,
  DashboardFigures,
  DashboardOpening,
} from '../../src/admin/dashboard-figures.ts';
import { problemsOf } from './api-document.ts';
import { EventReader } from './event-reader.ts';
import { eventually } from './eventually.ts';

const SCHEMAS: Readonly<Record<string, string>> = {
  open: 'DashboardOpening',
  figures: 'DashboardFigures',
  facts: 'DashboardFacts',
};

export class DashboardReader {
  readonly stream: EventReader;
  #checked = 0;

  constructor(port: number) {
    this.stream = new EventReader(port, '', '/api/dashboard');
  }

  async opened(): Promise<DashboardOpening> {
    await this.stream.opened();
    const [opening] = this.#all().filter(isOpening);
    return opening;
  }

  /** Resolves to the first figures, from now on, of which the test says that they are those it waits for. */
  figures(what: string, isWanted: (figures: DashboardFigures) => boolean): Promise<DashboardFigures> {
    return eventually(what, () => {
      const newest = this.#all().findLast(isFigures);
      return newest !== undefined && isWanted(newest) && newest;
    });
  }

  /** Resolves to what all facts together say, once they say what the test waits for. */
  facts(what: string, isWanted: (facts: Omit<DashboardFacts, 'event'>) => boolean): Promise<DashboardFacts> {
    return eventually(what, () => {
      const facts: DashboardFacts = Object.assign({ event: 'facts' }, ...this.#all().filter(isFacts));
      return isWanted(facts) && facts;
    });
  }

  /** All messages so far. */
  #all(): readonly object[] {
    const { events } = this.stream;
    for (; this.#checked < events.length; this.#checked++) {
      const message = events[this.#checked];
      const name = SCHEMAS[String(message['event'])];
      if (name === undefined) continue;
      const problems = problemsOf({ $ref: `#/components/schemas/${name}` }, message);
      assert.deepEqual(problems, [], JSON.stringify(message).slice(0, 1000));
    }
    return events;
  }
}

function isOpening(message: object): message is DashboardOpening {
  return 'event' in message && message.event === 'open';
}

function isFigures(message: object): message is DashboardFigures {
  return 'event' in message && message.event === 'figures';
}

function isFacts(message: object): message is DashboardFacts {
  return 'event' in message && message.event === 'facts';
}
