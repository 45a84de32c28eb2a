// Explains operating system errors that a person can fix, because a code such as `EACCES` means nothing to many users.

import { errorCode } from './error-code.ts';

const words: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES:
    'permission denied: the user of this process may not read it, or may not enter a folder on the way to it',
  EPERM: 'permission denied: a security policy of this machine forbids it',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of its path is a file, not a folder',
  ELOOP: 'its symbolic links go round in circles',
  ENAMETOOLONG: 'its name is longer than the file system allows',
  EAGAIN: 'there is nothing to read from it now; end it, or give a file',
  ENXIO: 'it is a socket or a device, not a file',
  EMFILE: 'this process has no file descriptor left; raise its limit of open files (LimitNOFILE, ulimit -n)',
  ENFILE: 'the machine has no file descriptor left (fs.file-max)',
  ENOMEM: 'the machine has no memory left',
  ENOBUFS: 'the machine has no memory left for sockets',
  ENOSPC: 'the disk is full',
  EROFS: 'the file system is read-only',
  EIO: 'the disk, or the network file system, reports an error',
  ESTALE: 'the network file system does not know the file any more; mount it again',
  ETIMEDOUT: 'the network file system does not answer',
  EAFNOSUPPORT: 'this machine has no such kind of address; is IPv6 switched off?',
  ENOTFOUND: 'the name is unknown to DNS and /etc/hosts',
  EAI_AGAIN: 'the name could not be looked up: the DNS server does not answer (/etc/resolv.conf)',
  EAI_FAIL: 'the name could not be looked up: the DNS server failed',
};

/** @returns the explanation of an error code, or undefined if there is none */
export function systemErrorWords(code: string): string | undefined {
  return Object.hasOwn(words, code) ? words[code] : undefined;
}

/** Explains why a file cannot be written. */
export function writingFault(error: unknown): string {
  switch (errorCode(error)) {
    case 'EACCES':
      return 'permission denied: the user of this process may not write it, or may not make a file in its folder';
    case 'ENOENT':
      return 'there is no such folder';
    default:
      return readingFault(error);
  }
}

/** Explains why a file cannot be read. */
export function readingFault(error: unknown): string {
  const known = systemErrorWords(errorCode(error) ?? '');
  if (known !== undefined) return known;
  return error instanceof Error ? error.message : String(error);
}
