/** Save state in words, what is under the pointer, undo depth, pseudonym. The pointer's line is written past React. */
import { useEffect, useRef } from "react";
import type { SaveState } from "../../api";
import type { CursorInfo } from "../../engine";
import { t } from "../../ui";
import { Remedies, Unprotected } from "./Notes";
import classes from "./read.module.css";
import { useSession } from "./SessionContext";
import { useRead } from "./store";

export function BottomBar() {
  const save = useRead((state) => state.save);
  const undoDepth = useRead((state) => state.view?.undoDepth ?? 0);
  const readOnly = useRead((state) => state.facts?.readOnly);
  const pseudonym = useRead((state) => state.facts?.image.patient_pseudonym);
  return (
    <footer className={classes.bottom}>
      <span
        className={classes.saveState}
        role="status"
        aria-live="polite"
        data-testid="save-state"
        data-kind={save.kind}
      >
        {saveWords(save)}
      </span>
      <Remedies />
      <Unprotected />
      <CursorLine />
      <LoadingShare />
      {!readOnly && <span>{t.read.undoDepth(undoDepth)}</span>}
      <span>
        <bdi>{pseudonym}</bdi>
      </span>
    </footer>
  );
}

export function saveWords(save: SaveState): string {
  switch (save.kind) {
    case "saved":
      return save.at ? t.save.savedAt(save.at) : t.save.saved;
    case "saving":
      return t.save.saving(save.waiting);
    case "offline":
      return t.save.offline(save.waiting);
    case "signed-out":
      return t.save.signedOut(save.waiting);
    case "refused":
      return t.save.refused(save.waiting, save.detail);
  }
}

function CursorLine() {
  const session = useSession();
  const line = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    session.onCursor = (cursor) => {
      if (line.current) line.current.textContent = cursor ? cursorWords(cursor) : "";
    };
    return () => {
      session.onCursor = () => undefined;
    };
  }, [session]);
  return <span ref={line} className={classes.cursor} data-testid="cursor" />;
}

function cursorWords({ ijk, mm, values, label, share }: CursorInfo): string {
  const { facts, labels, heat } = useRead.getState();
  const unit = facts?.image.unit ? ` ${facts.image.unit}` : "";
  const value = values ? values.map((one) => Number(one.toPrecision(5))).join(", ") + unit : "…";
  const name = labels.find((one) => one.value === label)?.name;
  const trusted = facts?.image.sides === "known" && facts.image.geometry !== "irregular";
  const place = trusted ? `RAS ${mm.map((one) => one.toFixed(1)).join(", ")} mm` : null;
  const shareHere =
    heat && heat !== "difference" && share !== null && share > 0 ? t.layers.shareHere(heat, share) : null;
  return [value, name, shareHere, `[${ijk.join(", ")}]`, place].filter(Boolean).join(" · ");
}

function LoadingShare() {
  const loaded = useRead((state) => state.view?.slabsLoaded ?? 0);
  const count = useRead((state) => state.view?.slabCount ?? 0);
  const isWhole = useRead((state) => state.view?.isWhole ?? true);
  return isWhole && loaded < count ? <span>{t.read.loadingImage(loaded, count)}</span> : null;
}
