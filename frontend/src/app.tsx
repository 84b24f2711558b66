/**
 * Routes, who may see which, and what holds for the whole tab: one query cache, one event stream, one dialog when the
 * session ends. Admin pages and the reading screen are loaded when first opened.
 */
import { Button, Group, Text } from "@mantine/core";
import { MutationCache, QueryClient, QueryClientProvider, useQuery, useQueryClient } from "@tanstack/react-query";
import { Activity, Folders, HeartPulse, ListChecks, PencilRuler, Users } from "lucide-react";
import { lazy, type ReactNode, Suspense, useEffect, useState } from "react";
import { Link, Navigate, Outlet, Route, Routes, useLocation, useNavigate } from "react-router";
import {
  asProblem,
  browserClock,
  deliverLeftovers,
  endPauses,
  guardLeaving,
  isProblem,
  listenToServer,
  noteGesture,
  onSignedOut,
  openedJournal,
  preferencesQuery,
  renewJournal,
  type SessionOut,
  sessionQuery,
  watchPresence,
} from "./api";
import { IdleWatch, LoginPage, SignInAgain, useSignOut, WelcomePage } from "./features/login";
import { useStyleNews, WorklistPage } from "./features/worklist";
import {
  ErrorBoundary,
  type NavigationLink,
  Page,
  PlainFrame,
  Problem,
  Shell,
  say,
  Toasts,
  t,
  useTheme,
  Waiting,
} from "./ui";

const ReadPage = lazy(async () => ({ default: (await import("./features/read")).ReadPage }));
const ProjectsPage = lazy(async () => ({ default: (await import("./features/projects")).ProjectsPage }));
const ProjectPage = lazy(async () => ({ default: (await import("./features/projects")).ProjectPage }));
const JobsPage = lazy(async () => ({ default: (await import("./features/jobs")).JobsPage }));
const AccountPage = lazy(async () => ({ default: (await import("./features/account")).AccountPage }));
const UsersPage = lazy(async () => ({ default: (await import("./features/admin")).UsersPage }));
const ExpertsPage = lazy(async () => ({ default: (await import("./features/admin")).ExpertsPage }));
const SystemPage = lazy(async () => ({ default: (await import("./features/admin")).SystemPage }));

// Whether the server can be reached is found out by asking it: the browser's own idea of being online is about the internet,
// which a hospital's network may not have, and a question held back for it would wait without a word.
const networkMode = "always";

const queries = new QueryClient({
  defaultOptions: {
    mutations: { networkMode },
    queries: {
      networkMode,
      // Refusals are answers; only a server that cannot be reached or is in trouble is asked again.
      retry: (count, error) => count < 3 && (!isProblem(error) || error.status === 0 || error.status >= 500),
      staleTime: 5000,
    },
  },
  mutationCache: new MutationCache({
    onError: (error, _variables, _result, mutation) => {
      if (!mutation.meta?.shownInPlace) say(asProblem(error).detail, "error");
    },
  }),
});

export function App() {
  return (
    <ErrorBoundary>
      <QueryClientProvider client={queries}>
        <Suspense
          fallback={
            <PlainFrame>
              <Waiting />
            </PlainFrame>
          }
        >
          <AppRoutes />
        </Suspense>
        <Toasts />
      </QueryClientProvider>
    </ErrorBoundary>
  );
}

function AppRoutes() {
  return (
    <Routes>
      <Route path="/login" element={<LoginPage />} />
      <Route path="/welcome" element={<WelcomePage />} />
      <Route element={<SignedIn />}>
        <Route path="/read/:assignment" element={<ReadPage />} />
        <Route path="/look/:project/:image" element={<ReadPage />} />
        <Route path="/review/:project/:image" element={<ReadPage isReview />} />
        <Route element={<Framed />}>
          <Route path="/" element={<WorklistPage />} />
          <Route path="/projects" element={<ProjectsPage />} />
          <Route path="/projects/:project" element={<ProjectPage />} />
          <Route path="/jobs" element={<JobsPage />} />
          <Route path="/account" element={<AccountPage />} />
          <Route element={<AdminOnly />}>
            <Route path="/admin/users" element={<UsersPage />} />
            <Route path="/admin/experts" element={<ExpertsPage />} />
            <Route path="/admin/system" element={<SystemPage />} />
          </Route>
          <Route path="*" element={<NotFound />} />
        </Route>
      </Route>
    </Routes>
  );
}

/** Everything behind the sign-in. A session that ends later is renewed in place, so that no drawing is lost. */
function SignedIn() {
  const session = useQuery(sessionQuery);
  const location = useLocation();
  if (session.data) return <WithSession session={session.data} />;
  if (isProblem(session.error, 401)) {
    const next = location.pathname + location.search;
    return <Navigate to={next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`} replace />;
  }
  return (
    <PlainFrame>
      {session.error ? (
        <Problem problem={asProblem(session.error)} retry={() => void session.refetch()} />
      ) : (
        <Waiting />
      )}
    </PlainFrame>
  );
}

function WithSession({ session }: { session: SessionOut }) {
  const cache = useQueryClient();
  const [ended, setEnded] = useState(false);
  useTheme(useQuery(preferencesQuery).data?.theme);
  useEffect(() => listenToServer(cache), [cache]);
  useStyleNews(session.expert_id);
  const { idle_seconds: idle_s } = session;
  useEffect(() => {
    if (idle_s === null) return;
    // A report that fails changes nothing: the next request finds out by itself.
    return watchPresence(idle_s, (secondsAgo) => void noteGesture(secondsAgo).catch(() => undefined));
  }, [idle_s]);
  useEffect(() => guardLeaving(), []);
  useEffect(() => onSignedOut(() => setEnded(true)), []);
  useEffect(() => void sendLeftovers(), []);
  const renewed = (next: SessionOut) => {
    cache.setQueryData(sessionQuery.queryKey, next);
    setEnded(false);
    renewJournal();
    endPauses();
    void sendLeftovers();
    void cache.invalidateQueries();
  };
  const leave = () => window.location.assign("/login");
  return (
    <>
      <Outlet />
      {!ended && <IdleWatch session={session} onEnded={() => setEnded(true)} />}
      {ended && <SignInAgain session={session} onSignedIn={renewed} onLeave={leave} />}
    </>
  );
}

/** Strokes that an earlier life of this browser could not send. */
async function sendLeftovers(): Promise<void> {
  const tell = (problem: unknown) => say(t.save.leftover(asProblem(problem).detail), "error");
  try {
    const journal = await openedJournal();
    if (journal) await deliverLeftovers(journal, browserClock, tell);
  } catch (problem) {
    // Nobody signed in any more: the dialog says so, and the next sign-in comes back here.
    if (!isProblem(problem, 401)) tell(problem);
  }
}

function linksFor(session: SessionOut): NavigationLink[] {
  const size = 16;
  const links: NavigationLink[] = [
    { to: "/", label: t.nav.reads, icon: <ListChecks size={size} aria-hidden /> },
    { to: "/projects", label: t.nav.projects, icon: <Folders size={size} aria-hidden /> },
    { to: "/jobs", label: t.nav.jobs, icon: <Activity size={size} aria-hidden /> },
  ];
  if (session.user.role === "admin")
    links.push(
      { to: "/admin/users", label: t.nav.users, icon: <Users size={size} aria-hidden /> },
      { to: "/admin/experts", label: t.nav.experts, icon: <PencilRuler size={size} aria-hidden /> },
      { to: "/admin/system", label: t.nav.system, icon: <HeartPulse size={size} aria-hidden /> },
    );
  return links;
}

function Framed() {
  const session = useQuery(sessionQuery).data;
  const navigate = useNavigate();
  const location = useLocation();
  const { signOut, dialog } = useSignOut(() => {
    queries.clear();
    void navigate("/login");
  });
  if (!session) return <Waiting />;
  return (
    <Shell links={linksFor(session)} person={session.user.display_name || session.user.name} onSignOut={signOut}>
      {dialog}
      <ErrorBoundary key={location.pathname}>
        <Suspense fallback={<Waiting />}>
          <Outlet />
        </Suspense>
      </ErrorBoundary>
    </Shell>
  );
}

/** Hiding is courtesy; the server refuses by itself. */
function AdminOnly(): ReactNode {
  const session = useQuery(sessionQuery).data;
  if (session?.user.role === "admin") return <Outlet />;
  return (
    <Page title={t.errors.adminOnlyTitle}>
      <Problem problem={{ title: t.errors.adminOnlyTitle, detail: t.errors.adminOnly }} />
    </Page>
  );
}

function NotFound() {
  const session = useQuery(sessionQuery).data;
  return (
    <Page title={t.errors.notFoundTitle}>
      <Text>{t.errors.notFound}</Text>
      <Group>
        {session &&
          linksFor(session).map((link) => (
            <Button key={link.to} component={Link} to={link.to} variant="default" leftSection={link.icon}>
              {link.label}
            </Button>
          ))}
      </Group>
    </Page>
  );
}
