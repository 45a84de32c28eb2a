// `framegate make-checks`: the command that `framegate doctor` starts to make its checks. What peers send is read here alone, so that the doctor
// can report if it ends the process.

import { type ExaminationNotice, isExaminationOrder } from '../doctor/examination-messages.ts';
import { ParentChannel } from './parent-channel.ts';

/** Ends the process, which questions to a silent DNS server would keep alive for a while. */
export async function makeChecks(): Promise<number> {
  const channel = ParentChannel.open('make-checks', 'framegate doctor starts this');
  if (channel === undefined) return 1;
  // The doctor was stopped by a signal, or killed.
  process.once('disconnect', () => process.exit(0));
  const send = (notice: ExaminationNotice): void => channel.send(notice);
  const { promise, resolve } = Promise.withResolvers<unknown>();
  process.once('message', resolve);
  const order = await promise;
  if (!isExaminationOrder(order)) return 1;
  const [{ examine, NoSuchCheck }, { SecretFields }, { workerCount }] = await Promise.all([
    import('../doctor/doctor.ts'),
    import('../doctor/secret-fields.ts'),
    import('../workers/worker-count.ts'),
  ]);
  const { certificate, alone, ...rest } = order;
  const headers = new SecretFields(new Map(order.headers));
  const tellFault = (error: unknown): void => {
    const stack = error instanceof Error ? `${error.stack}` : String(error);
    send({ kind: 'fault', stack: headers.hide(stack) });
  };
  // Node tells of it on standard error alone, which nobody reads.
  process.on('uncaughtExceptionMonitor', tellFault);
  try {
    await examine(
      {
        ...rest,
        alone: new Set(alone),
        credentials: { headers, certificate },
        processesFor: workerCount,
      },
      {
        onPlanned: (plan) => send({ kind: 'planned', plan }),
        onBegin: (id) => send({ kind: 'begun', id }),
        onEnd: (report) => send({ kind: 'ended', report }),
      },
    );
    send({ kind: 'done' });
  } catch (error) {
    if (error instanceof NoSuchCheck) send({ kind: 'refused', why: error.message });
    else tellFault(error);
  }
  await channel.sent;
  return process.exit(0);
}
