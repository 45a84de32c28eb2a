// Warns of certificates that expire soon, once for each threshold and certificate, and of OCSP responses that cannot be served.

import { counted } from '../config/counted.ts';
import type { Logger } from '../observability/logger.ts';
import type { TlsUser, UsedCertificate } from '../plane/tls-users.ts';

const DAY_MS = 86_400_000;
/** In ascending order, since the first threshold that applies is reported. */
const THRESHOLD_DAYS = [0, 1, 7, 21];
/** How many warnings are remembered. When the memory is full it is cleared, which also drops certificates no longer in use. */
const MOST_REMEMBERED = 1024;

/** How many whole days the certificate is still valid. Negative when it has expired. */
export function daysLeft({ certificate }: UsedCertificate, nowEpochMs: number): number {
  return Math.floor((certificate.validToDate.getTime() - nowEpochMs) / DAY_MS);
}

export class CertificateExpiry {
  readonly #logger: Logger;
  readonly #said = new Set<string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  check(users: readonly TlsUser[], nowEpochMs: number): void {
    for (const user of users) {
      for (const used of user.certificates()) {
        this.#checkOne(user, used, nowEpochMs);
        this.#checkStaple(user, used, nowEpochMs);
      }
    }
  }

  /** OCSP responses are valid for only a few days. A warning before they expire would therefore appear constantly. */
  #checkStaple(user: TlsUser, { staple }: UsedCertificate, nowEpochMs: number): void {
    const problem = staple?.whyNotServed(nowEpochMs);
    if (staple === undefined || problem === undefined) return;
    if (!this.#isFirst(`${user.kind} ${user.name} ${staple.file} ${problem}`)) return;
    const fields = { [user.kind]: user.name, file: staple.file, problem };
    this.#logger.warn(fields, 'an OCSP response is of no use, and no client gets it: renew the file');
  }

  #isFirst(key: string): boolean {
    if (this.#said.has(key)) return false;
    if (this.#said.size >= MOST_REMEMBERED) this.#said.clear();
    this.#said.add(key);
    return true;
  }

  #checkOne(user: TlsUser, used: UsedCertificate, nowEpochMs: number): void {
    const { certificate, file } = used;
    const leftMs = certificate.validToDate.getTime() - nowEpochMs;
    const threshold = THRESHOLD_DAYS.find((days) => leftMs <= days * DAY_MS);
    if (threshold === undefined) return;
    const key = `${user.kind} ${user.name} ${certificate.fingerprint256} ${threshold}`;
    if (!this.#isFirst(key)) return;
    const notAfter = certificate.validToDate.toISOString();
    const fields = { [user.kind]: user.name, file, notAfter, daysLeft: daysLeft(used, nowEpochMs) };
    if (leftMs <= 0) this.#logger.error(fields, 'a certificate has expired: clients refuse it');
    else this.#logger.warn(fields, `a certificate expires in ${counted(threshold, 'day')} or less: renew it`);
  }
}
