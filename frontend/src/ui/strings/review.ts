import { plural } from "./plural";

/** Settling where readings differ, region by region. */
export const review = {
  tab: {
    explain:
      "Images whose readings are all submitted. A review settles, region by region, where they differ; whose reading is which stays hidden.",
    none: "Nothing to review yet",
    noneNext: "An image appears here when everybody who was asked to read it has submitted, two people or more.",
    readings: (n: number) => plural(n, "reading", "readings"),
    stateHead: "State",
    begin: "Review",
    goOn: "Go on",
    look: "Look",
    named: (act: string, image: string) => `${act}: ${image}`,
    states: { none: "Not begun", draft: "Begun", submitted: "Settled" },
    outdated: "Readings changed",
    outdatedHint: "Readings have changed since this review began. Open it to see how, and to begin it anew.",
  },
  notHere: "Disputed regions are for a review: your project's page lists what you may review.",
  noAi: "In a review nothing is proposed by a model: it settles what people drew.",
  badge: "Review",
  submit: "Submit the review",
  back: "Back to the reviews",
  title: "Disputed regions",
  loading: "The readings are on their way.",
  notLoaded: (why: string) => `Where the readings differ is not known: ${why} Open the review again.`,
  notSubmitted:
    "Not submitted: where the readings differ is not known yet. Wait until they are here, or open the review again.",
  agreed: "The readings agree everywhere but for thin rims: there is nothing to decide.",
  rims: (size: string) => `Thin rims, ${size} in all, follow the majority of the readings.`,
  progress: (decided: number, all: number) => `${decided} of ${plural(all, "region", "regions")} decided`,
  place: (n: number, all: number, size: string) => `Region ${n} of ${all} · ${size}`,
  previous: "Previous disputed region",
  next: "Next disputed region",
  reader: (letter: string) => `Reader ${letter}`,
  take: (letters: readonly string[]) => letters.join(" · "),
  taking: (letters: readonly string[]) => `Take what ${letters.join(" and ")} drew here`,
  nothingHere: "nothing",
  acts: { union: "Union", intersection: "Intersection", undecidable: "Undecidable", redrawn: "As drawn now" },
  actHints: {
    union: "Whatever any reader drew here; of several labels the one most of them give.",
    intersection: "Only what all readers drew here alike.",
    undecidable: "Nobody can tell: the region becomes background and is noted as undecidable.",
    redrawn: "Correct the region with any tool first; this keeps it as it is on the screen.",
  },
  reason: "Reason",
  reasons: {
    none: "No reason given",
    boundary: "Follows the border better",
    extent: "Right extent",
    missed: "Others missed it",
    absent: "Nothing is there",
    label: "Right label",
    protocol: "As the protocol says",
  },
  undecided: "Not decided yet",
  decided: (what: string, why: string | null) => `Decided: ${what}${why === null ? "" : ` (${why.toLowerCase()})`}`,
  changed: {
    title: "The readings have changed",
    what: {
      taken_up: (letter: string) => `Reader ${letter} has taken their reading up again and not submitted it yet.`,
      submitted_anew: (letter: string) => `Reader ${letter} has submitted another reading.`,
      withdrawn: (letter: string) => `The reading of reader ${letter} was withdrawn.`,
      added: () => "A further reading was submitted.",
    },
    goesOn: "This review goes on with the readings it began with, unless you begin it anew.",
    waits:
      "This review goes on with the readings it began with. When every reading is submitted, you can begin it anew.",
    offer: "Begin anew…",
  },
  anew: {
    title: "Begin this review anew?",
    words:
      "It begins again with the majority of the readings as they are submitted now. Decisions stay where the readings say what they said; on other regions you decide again, and what you drew without deciding is not taken along. Everything as it is now stays in the history.",
    settled: "The image is not settled until you submit the review again.",
    back: "Go on as it is",
    begin: "Begin anew",
    begun: (kept: number, dropped: number) => {
      if (kept + dropped === 0) return "Begun anew.";
      const left = dropped === 0 ? "" : `, ${dropped} no longer ${dropped === 1 ? "applies" : "apply"}`;
      return `Begun anew: ${plural(kept, "decision stays", "decisions stay")}${left}.`;
    },
    failed: (why: string) => `Not begun anew: ${why}`,
    elsewhere: "This review was begun anew in another window. Open it again.",
  },
  submitted: "Submitted: the image is settled.",
  open: {
    title: "Regions are not decided",
    words: (open: number) =>
      `${plural(open, "region has", "regions have")} no decision yet. Submitted now, what is drawn there stands: the majority of the readings where you changed nothing.`,
    back: "Go on deciding",
    submit: "Submit all the same",
  },
} as const;
