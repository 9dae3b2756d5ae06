import AppLayout from '@cloudscape-design/components/app-layout';
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group';
import TopNavigation, {
  type TopNavigationProps,
} from '@cloudscape-design/components/top-navigation';
import { useState, type ReactNode } from 'react';
import { useLocation, useNavigate } from 'react-router-dom';
import type { Appearance } from '../app';
import { Notifications } from '../hooks/use-notify';
import { useSession } from '../hooks/use-session';
import { LANGUAGES, useI18n, type Language, type Translate } from '../i18n';
import { PlaceDialog } from './place-dialog';

interface ShellProps {
  appearance: Appearance;
  onAppearance: (appearance: Appearance) => void;
  children: ReactNode;
}

/** What stands around every page. */
export function Shell({ appearance, onAppearance, children }: ShellProps) {
  const { t } = useI18n();
  const { facts, session, signOut } = useSession();
  const navigate = useNavigate();
  const { pathname } = useLocation();
  const [isChoosing, setChoosing] = useState(false);

  const choose = (id: string) => {
    if (id === 'mode') onAppearance({ ...appearance, isDark: !appearance.isDark });
    else if (id === 'density') onAppearance({ ...appearance, isCompact: !appearance.isCompact });
    else onAppearance({ ...appearance, language: id as Language });
  };
  const settings: TopNavigationProps.MenuDropdownUtility = {
    type: 'menu-dropdown',
    iconName: 'settings',
    ariaLabel: t('shell.settings'),
    title: t('shell.settings'),
    items: [
      {
        id: 'appearance',
        text: t('shell.appearance'),
        items: [
          { id: 'mode', text: t(appearance.isDark ? 'shell.light' : 'shell.dark') },
          { id: 'density', text: t(appearance.isCompact ? 'shell.comfortable' : 'shell.compact') },
        ],
      },
      {
        id: 'language',
        text: t('shell.language'),
        items: Object.entries(LANGUAGES).map(([id, text]) => ({ id, text })),
      },
    ],
    onItemClick: ({ detail }) => choose(detail.id),
  };
  const place: TopNavigationProps.Utility =
    facts.auth === 'off'
      ? {
          type: 'button',
          text: `${session.accessKeyId} · ${session.region}`,
          title: t('place.title'),
          onClick: () => setChoosing(true),
        }
      : {
          type: 'menu-dropdown',
          iconName: 'user-profile',
          text: session.accessKeyId,
          description: session.region,
          items: [{ id: 'sign-out', text: t('shell.signOut') }],
          onItemClick: signOut,
        };

  return (
    <>
      <div id="top" className="top">
        <TopNavigation
          identity={{
            href: '/console/',
            title: 'Formiga',
            logo: { src: '/console/ant.svg', alt: '' },
            onFollow: (event) => {
              event.preventDefault();
              void navigate('/');
            },
          }}
          utilities={[place, settings]}
        />
      </div>
      <AppLayout
        headerSelector="#top"
        navigationHide
        toolsHide
        contentType={pathname === '/' ? 'table' : 'default'}
        breadcrumbs={
          pathname === '/' ? undefined : (
            <BreadcrumbGroup
              items={crumbs(pathname, t)}
              onFollow={(event) => {
                event.preventDefault();
                void navigate(event.detail.href);
              }}
            />
          )
        }
        notifications={<Notifications />}
        content={children}
      />
      {isChoosing && <PlaceDialog onClose={() => setChoosing(false)} />}
    </>
  );
}

function crumbs(pathname: string, t: Translate) {
  const [first, name, last] = pathname.split('/').filter((part) => part !== '');
  const items = [{ text: t('queues.title'), href: '/' }];
  if (first === 'create-queue') items.push({ text: t('create.title'), href: pathname });
  if (first === 'queues' && name !== undefined) {
    items.push({ text: decodeURIComponent(name), href: `/queues/${name}` });
  }
  if (last === 'edit') items.push({ text: t('action.edit'), href: pathname });
  if (last === 'messages') items.push({ text: t('action.messages'), href: pathname });
  return items;
}
