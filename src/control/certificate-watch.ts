// Reloads certificates when their files have changed, and warns before they expire. The files of one listener or upstream change
// together or not at all: while a certificate and its key do not match yet, the old pair stays in use and the files are tried again.

import type { Logger } from '../observability/logger.ts';
import type { TlsUser } from '../plane/tls-users.ts';
import { signatureOf } from '../sources/file-signature.ts';
import { Poll } from '../sources/poll.ts';
import { CertificateExpiry } from './certificate-expiry.ts';

const EXPIRY_CHECK_MS = 3_600_000;

export interface CertificateWatchOptions {
  readonly users: () => readonly TlsUser[];
  /** Runs the task while no change of the configuration is in progress. */
  readonly serially: (task: () => Promise<void>) => Promise<void>;
  /** The files of this user were read again, and are in use. */
  readonly onRenewed?: (user: TlsUser) => void;
  readonly logger: Logger;
}

export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #expiry: CertificateExpiry;
  readonly #poll = new Poll(() => this.#look());
  readonly #expiryTimer: NodeJS.Timeout;
  /** The signature of each user's files when they were last read. */
  readonly #read = new Map<string, string>();
  /** The last problem that was logged for each user. */
  readonly #complaints = new Map<string, string>();

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#expiry = new CertificateExpiry(options.logger);
    this.#expiryTimer = setInterval(() => this.checkExpiry(), EXPIRY_CHECK_MS).unref();
  }

  setInterval(everyMs: number | undefined): void {
    this.#poll.setInterval(everyMs);
  }

  close(): void {
    this.#poll.setInterval(undefined);
    clearInterval(this.#expiryTimer);
  }

  checkExpiry(): void {
    this.#expiry.check(this.#options.users(), Date.now());
  }

  #look(): Promise<void> {
    return this.#options.serially(async () => {
      for (const user of this.#options.users()) await this.#lookAt(user);
    });
  }

  async #lookAt(user: TlsUser): Promise<void> {
    const key = `${user.kind} ${user.name} ${user.files.join(' ')}`;
    // The signature is taken before the files are read, so that a change in between is noticed at the next look.
    const signature = await signatureOf(user.files);
    if (this.#read.get(key) === signature) return;
    try {
      const change = await user.prepare();
      // Each worker reads the files by itself, and may have seen what others have not. The next look reads them once more.
      if (!(await this.#isStill(signature, user))) {
        await change?.discard();
        return;
      }
      this.#read.set(key, signature);
      this.#complaints.delete(key);
      if (change === undefined) return;
      await change.commit();
      this.#options.onRenewed?.(user);
      this.#report(user);
    } catch (error) {
      // Half of the files may have been the old ones.
      if (!(await this.#isStill(signature, user))) return;
      this.#complain(key, user, error instanceof Error ? error.message : String(error));
    }
  }

  async #isStill(signature: string, { files }: TlsUser): Promise<boolean> {
    return (await signatureOf(files)) === signature;
  }

  #report(user: TlsUser): void {
    for (const { file, certificate } of user.certificates()) {
      const fields = { [user.kind]: user.name, file, subject: subjectOf(certificate.subject) };
      const notAfter = certificate.validToDate.toISOString();
      this.#options.logger.info({ ...fields, notAfter }, 'certificate reloaded: new connections get it');
    }
    if (user.certificates().length === 0) {
      this.#options.logger.info({ [user.kind]: user.name }, 'TLS files reloaded: new connections use them');
    }
    this.checkExpiry();
  }

  /** Logs a problem once, until it changes or is solved. */
  #complain(key: string, user: TlsUser, problem: string): void {
    if (this.#complaints.get(key) === problem) return;
    this.#complaints.set(key, problem);
    this.#options.logger.warn(
      { [user.kind]: user.name, problem },
      'changed TLS files cannot be used; the old ones serve on, and the files are looked at again',
    );
  }
}

/** The subject on one line, such as 'CN=example.com'. */
export function subjectOf(subject: string | undefined): string {
  return (subject ?? '').replaceAll('\n', ', ');
}
