// Translates content types between gRPC-Web and native gRPC (PROTOCOL-WEB: Content-Type, Text-encoded streams).
// Media types are case-insensitive. Parameters such as charset do not change the bytes of the body and are not forwarded.

const GRPC_WEB = /^application\/grpc-web(-text(?:-base64)?)?(\+[!#$&^_.a-z0-9-]+)?[\t ]*(?:;|$)/i;
const GRPC_SUFFIX = /^application\/grpc(\+[!#$&^_.a-z0-9-]+)/i;

export interface GrpcWebType {
  /** Whether the body is base64. */
  readonly isText: boolean;
  /** '+proto', '+json', or '' if the sender left it out. */
  readonly suffix: string;
}

/** @returns undefined for everything that is not gRPC-Web */
export function parseGrpcWebType(contentType: string | undefined): GrpcWebType | undefined {
  if (contentType === undefined) return undefined;
  const match = GRPC_WEB.exec(contentType);
  if (match === null) return undefined;
  const [, text, suffix = ''] = match;
  return { isText: text !== undefined, suffix };
}

export function nativeContentType({ suffix }: GrpcWebType): string {
  return `application/grpc${suffix}`;
}

/**
 * Translates a response's native content type. A response without a suffix gets the suffix of the request, because gRPC-Web
 * clients take a missing suffix for +proto even if they speak JSON.
 */
export function webContentType(
  nativeType: string | undefined,
  isText: boolean,
  requestSuffix: string,
): string {
  const suffix = GRPC_SUFFIX.exec(nativeType ?? '')?.[1] ?? requestSuffix;
  return `application/grpc-web${isText ? '-text' : ''}${suffix}`;
}

/**
 * Whether the response must be base64: if Accept asks for it, or if the request is base64 and Accept names no other form of
 * gRPC-Web.
 */
export function wantsText(accept: string | undefined, isTextRequest: boolean): boolean {
  const named = (accept ?? '').split(',').map((entry) => parseGrpcWebType(entry.trim()));
  if (named.some((type) => type?.isText === true)) return true;
  return isTextRequest && named.every((type) => type === undefined);
}
