/** Only addresses of our own origin: `next` comes from the address bar and may be anything. */
export function ownAddress(next: string | null): string {
  return next?.startsWith("/") && !/^\/[/\\]/.test(next) ? next : "/";
}
