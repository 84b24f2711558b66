/** Who I am here, how my pages look, my password, my keys and my programs' tokens. */
import { Radio, Stack, Tabs, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useSearchParams } from "react-router";
import { preferencesQuery, sessionQuery, useSavePreferences } from "../../api";
import { Page, t, Waiting } from "../../ui";
import { ChangePassword } from "./ChangePassword";
import { ImageMemory } from "./ImageMemory";
import { KeyboardTab } from "./KeyboardTab";
import { TokensTab } from "./TokensTab";

const tabs = ["me", "keyboard", "tokens"] as const;

export function AccountPage() {
  const [params, setParams] = useSearchParams();
  const tab = tabs.find((name) => name === params.get("tab")) ?? "me";
  return (
    <Page title={t.account.title}>
      <Tabs value={tab} onChange={(next) => setParams(next && next !== "me" ? { tab: next } : {})} keepMounted={false}>
        <Tabs.List mb="md">
          {tabs.map((name) => (
            <Tabs.Tab key={name} value={name}>
              {t.account.tabs[name]}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="me">
          <AboutMe />
        </Tabs.Panel>
        <Tabs.Panel value="keyboard">
          <KeyboardTab />
        </Tabs.Panel>
        <Tabs.Panel value="tokens">
          <TokensTab />
        </Tabs.Panel>
      </Tabs>
    </Page>
  );
}

function AboutMe() {
  const session = useQuery(sessionQuery);
  if (!session.data) return <Waiting />;
  const { user, expires_at: expiresAt } = session.data;
  return (
    <Stack>
      <Stack gap={4}>
        <Text>
          <bdi>{user.display_name}</bdi> (<bdi>{user.name}</bdi>), {t.users.roles[user.role]}
        </Text>
        {expiresAt && (
          <Text size="sm" c="dimmed">
            {t.account.sessionUntil(t.units.dateTime(expiresAt))}
          </Text>
        )}
      </Stack>
      <ThemeChoice />
      <ImageMemory />
      <ChangePassword name={user.name} />
    </Stack>
  );
}

const themes = ["dark", "light", "auto"] as const;

function ThemeChoice() {
  const preferences = useQuery(preferencesQuery).data;
  const save = useSavePreferences();
  if (!preferences) return <Waiting />;
  const choose = (value: string) => {
    const theme = themes.find((name) => name === value);
    if (theme) save({ theme });
  };
  return (
    <Radio.Group label={t.account.theme} description={t.account.themeHint} value={preferences.theme} onChange={choose}>
      <Stack gap="xs" mt="xs">
        {themes.map((name) => (
          <Radio key={name} value={name} label={t.account.themes[name]} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
