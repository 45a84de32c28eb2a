// Passes on what befalls the log of a worker, so that the primary reports an outage once for all processes. If the primary is gone, the
// worker reports it itself.

import { LogComplaints, type LogListener } from '../observability/log-complaints.ts';
import type { FromWorker } from './messages.ts';

export type LogNews = Extract<FromWorker, { type: 'logFailed' | 'logOverflowed' | 'logWritten' }>;

/** @param send sends a message to the primary, as long as there is one */
export function reportLogNews(send: (news: LogNews) => void): LogListener {
  const own = new LogComplaints();
  const tell = (news: LogNews): void => {
    if (process.connected) send(news);
    else applyLogNews(own, own, news);
  };
  return {
    failed: (errorCode) => tell({ type: 'logFailed', errorCode }),
    overflowed: () => tell({ type: 'logOverflowed' }),
    succeeded: (dropped) => tell({ type: 'logWritten', dropped }),
    // The process ends, and a message might come too late.
    lost: (records, errorCode) => own.lost(records, errorCode),
  };
}

/** @param writer stands for the process that the news is from */
export function applyLogNews(complaints: LogComplaints, writer: object, news: LogNews): void {
  switch (news.type) {
    case 'logFailed':
      complaints.failed(news.errorCode, writer);
      break;
    case 'logOverflowed':
      complaints.overflowed();
      break;
    case 'logWritten':
      complaints.succeeded(news.dropped, writer);
      break;
  }
}
