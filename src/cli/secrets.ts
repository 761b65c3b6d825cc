/** Passwords in addresses: they are for whom they are sent to, and for no log and no list of processes. */

/** `rtsp://user:password@host/stream?token=x` becomes `rtsp://***@host/stream?***`, wherever it is in the text. */
export function withoutSecrets(text: string): string {
  return text.replace(
    /\b([a-z][a-z0-9+.-]*:\/\/)([^\s'"/]*@)?([^\s'"?]*)(\?[^\s'"]+)?/gi,
    (_address, scheme: string, login: string | undefined, place: string, query: string | undefined) =>
      scheme + (login === undefined ? "" : "***@") + place + (query === undefined ? "" : "?***"),
  );
}

/** What `ps` shows of this process has no passwords from here on. */
export function hideSecrets(): void {
  const words = process.argv.map(withoutSecrets);
  if (words.some((word, at) => word !== process.argv[at])) process.title = words.join(" ");
}
