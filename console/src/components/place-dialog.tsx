import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import FormField from '@cloudscape-design/components/form-field';
import Autosuggest from '@cloudscape-design/components/autosuggest';
import Modal from '@cloudscape-design/components/modal';
import SpaceBetween from '@cloudscape-design/components/space-between';
import { useState } from 'react';
import { useNavigate } from 'react-router-dom';
import { openSession } from '../api/session';
import { usePreference } from '../hooks/use-preference';
import { useSession } from '../hooks/use-session';
import { useI18n } from '../i18n';

interface Place {
  account: string;
  region: string;
}

const REGION = /^[a-z]{2}(-[a-z]+)+-\d+$/;
const ACCOUNT = /^\d{12}$/;

/** Where auth is off, anyone may be any account in any region. */
export function PlaceDialog({ onClose }: { onClose: () => void }) {
  const { t } = useI18n();
  const { facts, session, change } = useSession();
  const navigate = useNavigate();
  const [used, setUsed] = usePreference<Place[]>('places', []);
  const [account, setAccount] = useState(session.accessKeyId);
  const [region, setRegion] = useState(session.region);
  const isReady = ACCOUNT.test(account) && REGION.test(region);
  const options = (values: string[]) => [...new Set(values)].map((value) => ({ value }));

  const go = () => {
    const others = used.filter((it) => it.account !== account || it.region !== region);
    setUsed([{ account, region }, ...others].slice(0, 20));
    change(openSession(account, region));
    onClose();
    void navigate('/');
  };

  return (
    <Modal
      visible
      onDismiss={onClose}
      header={t('place.title')}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              {t('action.cancel')}
            </Button>
            <Button variant="primary" disabled={!isReady} onClick={go}>
              {t('place.switch')}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="l">
        <Box variant="p">{t('place.about')}</Box>
        <FormField
          label={t('place.account')}
          errorText={ACCOUNT.test(account) ? undefined : t('place.accountRule')}
        >
          <Autosuggest
            value={account}
            enteredTextLabel={(value) => value}
            ariaLabel={t('place.account')}
            options={options(['000000000000', ...used.map((place) => place.account)])}
            onChange={({ detail }) => setAccount(detail.value.trim())}
          />
        </FormField>
        <FormField
          label={t('place.region')}
          errorText={REGION.test(region) ? undefined : t('place.regionRule')}
        >
          <Autosuggest
            value={region}
            enteredTextLabel={(value) => value}
            ariaLabel={t('place.region')}
            options={options([facts.region, ...used.map((place) => place.region), ...REGIONS])}
            onChange={({ detail }) => setRegion(detail.value.trim())}
          />
        </FormField>
      </SpaceBetween>
    </Modal>
  );
}

/** A few that are often used; any other may be typed. */
const REGIONS = ['us-east-1', 'us-west-2', 'eu-west-1', 'eu-central-1', 'sa-east-1'];
