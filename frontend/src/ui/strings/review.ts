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
  },
  notHere: "Disputed regions are for a review: your project's page lists what you may review.",
  badge: "Review",
  back: "Back to the reviews",
  title: "Disputed regions",
  loading: "The readings are on their way.",
  agreed: "The readings agree everywhere but for thin rims: there is nothing to decide.",
  rims: (rims: number) =>
    rims === 0 ? "" : `${plural(rims, "thin rim follows", "thin rims follow")} the majority of the readings.`,
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
  outdated: "A reader has taken their reading up again. This review goes on with what was submitted when it began.",
  submitted: "Submitted: the image is settled.",
  open: {
    title: "Regions are not decided",
    words: (open: number) =>
      `${plural(open, "region has", "regions have")} no decision yet. Submitted now, the majority of the readings stands there.`,
    back: "Go on deciding",
    submit: "Submit all the same",
  },
} as const;
