/**
 * A key event as the plain facts that decide what it means. A dialog takes all keys, but for one that stands beside the
 * views (`data-beside`, the history): there the image stays in hand.
 */
import type { Press } from "./keymap";

const textFields =
  'input:not([type="range"]):not([type="checkbox"]):not([type="radio"]), textarea, select, [role="dialog"]:not([data-beside] *), [role="menu"]';

export function pressOf(event: KeyboardEvent): Press {
  const target = event.target instanceof HTMLElement ? event.target : null;
  const typing = Boolean(target?.isContentEditable || target?.closest(textFields));
  const { key, code, shiftKey: shift, altKey: alt } = event;
  return { key, code, ctrl: event.ctrlKey || event.metaKey, shift, alt, typing };
}
