// An observer for tests, as in ARCHITECTURE's recipe: it records the calls it gets.

import type { ExchangeRecord } from '../../src/calls/exchange-record.ts';
import type { ExchangeObserver, StartedAttempt, StartedExchange } from '../../src/calls/observers.ts';

export class RecordingObserver implements ExchangeObserver {
  readonly log: string[] = [];

  onStart({ subject, requestId }: StartedExchange): void {
    this.log.push(`start ${subject.method} ${typeof requestId}`);
  }

  onAttempt({ exchange, endpoint, number }: StartedAttempt): void {
    this.log.push(`attempt ${number} of ${exchange.subject.method} at ${endpoint}`);
  }

  onFinish({ subject, httpStatus, endedBy, attempts }: ExchangeRecord): void {
    this.log.push(`finish ${subject.method} ${httpStatus} by ${endedBy} after ${attempts}`);
  }
}
