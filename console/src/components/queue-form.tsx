import Alert from '@cloudscape-design/components/alert';
import AttributeEditor from '@cloudscape-design/components/attribute-editor';
import Box from '@cloudscape-design/components/box';
import Button from '@cloudscape-design/components/button';
import Checkbox from '@cloudscape-design/components/checkbox';
import Container from '@cloudscape-design/components/container';
import ExpandableSection from '@cloudscape-design/components/expandable-section';
import FormField from '@cloudscape-design/components/form-field';
import Header from '@cloudscape-design/components/header';
import Input from '@cloudscape-design/components/input';
import Multiselect from '@cloudscape-design/components/multiselect';
import RadioGroup from '@cloudscape-design/components/radio-group';
import Select from '@cloudscape-design/components/select';
import SpaceBetween from '@cloudscape-design/components/space-between';
import Textarea from '@cloudscape-design/components/textarea';
import Tiles from '@cloudscape-design/components/tiles';
import Toggle from '@cloudscape-design/components/toggle';
import { useState } from 'react';
import { nameOfArn } from '../api/queues';
import { useI18n } from '../i18n';
import { prettyJson } from '../model/policy';
import { SIZE_UNITS, TIME_UNITS, type Unit } from '../model/quantity';
import {
  fullName,
  policyOf,
  problemsOf,
  type Field,
  type QuantityField,
  type QueueForm,
} from '../model/queue-form';
import { QueuePicker, useQueueNames } from './queue-picker';

interface QueueFieldsProps {
  form: QueueForm;
  onChange: (form: QueueForm) => void;
  /** The queue's, or what it will be. */
  arn: string;
  /** A queue that exists keeps its type and name. */
  isNew: boolean;
  /** Whether what was left empty is shown as a mistake, too. */
  isTried: boolean;
}

/** The settings of a queue, in the order of AWS's own form. */
export function QueueFields(props: QueueFieldsProps) {
  const { form, isNew } = props;
  return (
    <SpaceBetween size="l">
      {isNew && <Details {...props} />}
      <Configuration {...props} />
      <Encryption {...props} />
      <AccessPolicy {...props} />
      <RedriveAllow {...props} />
      <DeadLetter {...props} key={String(form.isFifo)} />
      {isNew && <Tags {...props} />}
    </SpaceBetween>
  );
}

/** The sentence for what is wrong with a field, once somebody was there. */
function useProblems({ form, isTried }: QueueFieldsProps) {
  const { t } = useI18n();
  const problems = problemsOf(form);
  return (field: Field) => {
    const problem = problems[field];
    if (problem === undefined || (problem === 'problem.required' && !isTried)) return undefined;
    return t(problem);
  };
}

function Details(props: QueueFieldsProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  const chooseType = (value: string) => {
    const isFifo = value === 'fifo';
    const name = form.name.replace(/\.fifo$/, '');
    onChange({ ...form, isFifo, name, deadLetterArn: '', allowedSources: [] });
  };
  return (
    <Container header={<Header variant="h2">{t('form.details')}</Header>}>
      <SpaceBetween size="l">
        <FormField label={t('form.type')} description={t('form.typeAbout')} stretch>
          <Tiles
            value={form.isFifo ? 'fifo' : 'standard'}
            onChange={({ detail }) => chooseType(detail.value)}
            items={[
              {
                value: 'standard',
                label: t('type.standard'),
                description: <Lines text={t('type.standardAbout')} />,
              },
              {
                value: 'fifo',
                label: t('type.fifo'),
                description: <Lines text={t('type.fifoAbout')} />,
              },
            ]}
          />
        </FormField>
        <Alert type="info">{t('form.typeForGood')}</Alert>
        <FormField
          label={t('form.name')}
          errorText={problem('name')}
          constraintText={t(form.isFifo ? 'form.nameRuleFifo' : 'form.nameRule', {
            count: fullName(form).length,
          })}
        >
          <Input
            value={form.name}
            placeholder={form.isFifo ? 'orders.fifo' : 'orders'}
            autoComplete={false}
            spellcheck={false}
            onChange={({ detail }) => onChange({ ...form, name: detail.value })}
            onBlur={() => onChange({ ...form, name: fullName(form) })}
          />
        </FormField>
      </SpaceBetween>
    </Container>
  );
}

function Lines({ text }: { text: string }) {
  return (
    <>
      {text.split('\n').map((line) => (
        <div key={line}>• {line}</div>
      ))}
    </>
  );
}

function Configuration(props: QueueFieldsProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.configurationAbout')}>
          {t('form.configuration')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Amount {...props} field="visibilityTimeout" units={TIME_UNITS.slice(0, 3)} />
        <Amount {...props} field="retentionPeriod" units={TIME_UNITS} />
        <Amount {...props} field="delay" units={TIME_UNITS.slice(0, 2)} />
        <Amount {...props} field="messageSize" units={SIZE_UNITS} />
        <Amount {...props} field="waitTime" units={['seconds']} />
        {form.isFifo && (
          <SpaceBetween size="l">
            <FormField label={t('form.deduplication')} description={t('form.deduplicationAbout')}>
              <Checkbox
                checked={form.contentBasedDeduplication}
                onChange={({ detail }) =>
                  onChange({ ...form, contentBasedDeduplication: detail.checked })
                }
              >
                {t('form.contentBased')}
              </Checkbox>
            </FormField>
            <FormField label={t('form.highThroughput')} description={t('form.highThroughputAbout')}>
              <Checkbox
                checked={form.highThroughput}
                onChange={({ detail }) => onChange({ ...form, highThroughput: detail.checked })}
              >
                {t('form.highThroughputOn')}
              </Checkbox>
            </FormField>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  );
}

interface AmountProps extends QueueFieldsProps {
  field: QuantityField;
  units: Unit[];
}

function Amount({ field, units, ...props }: AmountProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  const { text, unit } = form[field];
  const label = t(`field.${field}`);
  const set = (change: Partial<QueueForm[QuantityField]>) =>
    onChange({ ...form, [field]: { ...form[field], ...change } });
  const options = units.map((value) => ({ value, label: t(`unit.${value}`) }));
  return (
    <FormField
      label={label}
      description={t(`about.${field}`)}
      constraintText={t(`range.${field}`)}
      errorText={problem(field)}
    >
      <div className="quantity">
        <Input
          type="number"
          inputMode="numeric"
          value={text}
          ariaLabel={label}
          onChange={({ detail }) => set({ text: detail.value })}
        />
        <Select
          ariaLabel={t('form.unit', { field: label })}
          selectedOption={{ value: unit, label: t(`unit.${unit}`) }}
          options={options}
          onChange={({ detail }) => set({ unit: detail.selectedOption.value as Unit })}
        />
      </div>
    </FormField>
  );
}

function Encryption(props: QueueFieldsProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.encryptionAbout')}>
          {t('form.encryption')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Toggle
          checked={form.encryption !== 'none'}
          onChange={({ detail }) =>
            onChange({ ...form, encryption: detail.checked ? 'sse-sqs' : 'none' })
          }
        >
          {t('form.encrypt')}
        </Toggle>
        {form.encryption !== 'none' && (
          <FormField label={t('form.keyType')}>
            <RadioGroup
              value={form.encryption}
              onChange={({ detail }) =>
                onChange({ ...form, encryption: detail.value as QueueForm['encryption'] })
              }
              items={[
                {
                  value: 'sse-sqs',
                  label: t('encryption.sse-sqs'),
                  description: t('form.sseSqsAbout'),
                },
                {
                  value: 'sse-kms',
                  label: t('encryption.sse-kms'),
                  description: t('form.sseKmsAbout'),
                },
              ]}
            />
          </FormField>
        )}
        {form.encryption === 'sse-kms' && (
          <SpaceBetween size="l">
            <FormField label={t('form.kmsKey')} errorText={problem('kmsKey')}>
              <Input
                value={form.kmsKey}
                spellcheck={false}
                onChange={({ detail }) => onChange({ ...form, kmsKey: detail.value })}
              />
            </FormField>
            <Amount {...props} field="kmsReuse" units={TIME_UNITS.slice(0, 3)} />
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  );
}

function AccessPolicy(props: QueueFieldsProps) {
  const { form, onChange, arn } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  const chooseMode = (value: string) => {
    const policyMode = value as QueueForm['policyMode'];
    // What was put together so far is where writing begins.
    const policy =
      policyMode === 'advanced' && form.policy === ''
        ? prettyJson(policyOf(form, arn))
        : form.policy;
    onChange({ ...form, policyMode, policy });
  };
  const preview = prettyJson(policyOf({ ...form, policyMode: 'basic' }, arn));
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.policyAbout')}>
          {t('form.policy')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <FormField label={t('form.policyMode')} stretch>
          <Tiles
            value={form.policyMode}
            onChange={({ detail }) => chooseMode(detail.value)}
            items={[
              { value: 'basic', label: t('form.basic'), description: t('form.basicAbout') },
              {
                value: 'advanced',
                label: t('form.advanced'),
                description: t('form.advancedAbout'),
              },
            ]}
          />
        </FormField>
        {form.policyMode === 'basic' ? (
          <SpaceBetween size="l">
            <Who {...props} who="whoSends" field="senders" />
            <Who {...props} who="whoReceives" field="receivers" />
            <ExpandableSection headerText={t('form.preview')}>
              <pre className="code">{preview === '' ? t('form.noPolicy') : preview}</pre>
            </ExpandableSection>
          </SpaceBetween>
        ) : (
          <FormField
            label={t('form.policyJson')}
            constraintText={t('form.policyRule')}
            errorText={problem('policy')}
            stretch
            secondaryControl={
              <Button
                formAction="none"
                onClick={() => onChange({ ...form, policy: prettyJson(form.policy) })}
              >
                {t('action.format')}
              </Button>
            }
          >
            <div className="mono">
              <Textarea
                rows={14}
                spellcheck={false}
                ariaLabel={t('form.policyJson')}
                value={form.policy}
                onChange={({ detail }) => onChange({ ...form, policy: detail.value })}
              />
            </div>
          </FormField>
        )}
      </SpaceBetween>
    </Container>
  );
}

interface WhoProps extends QueueFieldsProps {
  who: 'whoSends' | 'whoReceives';
  field: 'senders' | 'receivers';
}

function Who({ who, field, ...props }: WhoProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  return (
    <FormField label={t(`form.${who}`)}>
      <SpaceBetween size="xs">
        <RadioGroup
          ariaLabel={t(`form.${who}`)}
          value={form[who]}
          onChange={({ detail }) => onChange({ ...form, [who]: detail.value })}
          items={[
            { value: 'owner', label: t('form.onlyOwner') },
            { value: 'named', label: t('form.onlyNamed') },
          ]}
        />
        {form[who] === 'named' && (
          <FormField constraintText={t('form.principalsRule')} errorText={problem(field)}>
            <Textarea
              rows={3}
              spellcheck={false}
              ariaLabel={t(`form.${field}`)}
              placeholder="111122223333"
              value={form[field]}
              onChange={({ detail }) => onChange({ ...form, [field]: detail.value })}
            />
          </FormField>
        )}
      </SpaceBetween>
    </FormField>
  );
}

function RedriveAllow(props: QueueFieldsProps) {
  const { form, onChange, arn } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  const { names, status } = useQueueNames(form.isFifo);
  const prefix = arn.slice(0, arn.lastIndexOf(':') + 1);
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.redriveAllowAbout')}>
          {t('form.redriveAllow')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Toggle
          checked={form.restrictRedrive}
          onChange={({ detail }) => onChange({ ...form, restrictRedrive: detail.checked })}
        >
          {t('form.redriveAllowOn')}
        </Toggle>
        {form.restrictRedrive && (
          <FormField label={t('form.redrivePermission')}>
            <RadioGroup
              value={form.allowMode}
              onChange={({ detail }) =>
                onChange({ ...form, allowMode: detail.value as QueueForm['allowMode'] })
              }
              items={(['allowAll', 'byQueue', 'denyAll'] as const).map((value) => ({
                value,
                label: t(`allow.${value}`),
              }))}
            />
          </FormField>
        )}
        {form.restrictRedrive && form.allowMode === 'byQueue' && (
          <FormField label={t('form.sources')} errorText={problem('allowedSources')}>
            <Multiselect
              ariaLabel={t('form.sources')}
              placeholder={t('picker.choose')}
              empty={t('picker.empty')}
              statusType={status}
              filteringType="auto"
              selectedOptions={form.allowedSources.map((value) => ({
                value,
                label: nameOfArn(value),
              }))}
              options={names.map((name) => ({ value: prefix + name, label: name }))}
              onChange={({ detail }) =>
                onChange({
                  ...form,
                  allowedSources: detail.selectedOptions.map((option) => option.value ?? ''),
                })
              }
            />
          </FormField>
        )}
      </SpaceBetween>
    </Container>
  );
}

function DeadLetter(props: QueueFieldsProps) {
  const { form, onChange, arn } = props;
  const { t } = useI18n();
  const problem = useProblems(props);
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.deadLetterAbout')}>
          {t('form.deadLetter')}
        </Header>
      }
    >
      <SpaceBetween size="l">
        <Toggle
          checked={form.hasDeadLetterQueue}
          onChange={({ detail }) => onChange({ ...form, hasDeadLetterQueue: detail.checked })}
        >
          {t('form.deadLetterOn')}
        </Toggle>
        {form.hasDeadLetterQueue && (
          <SpaceBetween size="l">
            <FormField label={t('form.deadLetterQueue')} errorText={problem('deadLetterArn')}>
              <QueuePicker
                label={t('form.deadLetterQueue')}
                arn={arn}
                isFifo={form.isFifo}
                chosen={form.deadLetterArn}
                onChoose={(deadLetterArn) => onChange({ ...form, deadLetterArn })}
              />
            </FormField>
            <FormField
              label={t('form.maxReceives')}
              description={t('form.maxReceivesAbout')}
              constraintText={t('problem.maxReceives')}
              errorText={problem('maxReceives')}
            >
              <Input
                type="number"
                value={form.maxReceives}
                onChange={({ detail }) => onChange({ ...form, maxReceives: detail.value })}
              />
            </FormField>
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  );
}

function Tags(props: QueueFieldsProps) {
  const { form, onChange } = props;
  const { t } = useI18n();
  return (
    <Container
      header={
        <Header variant="h2" description={t('form.tagsAbout')}>
          {t('form.tags')}
        </Header>
      }
    >
      <TagFields
        tags={form.tags}
        problem={useProblems(props)('tags')}
        onChange={(tags) => onChange({ ...form, tags })}
      />
    </Container>
  );
}

interface TagFieldsProps {
  tags: QueueForm['tags'];
  problem: string | undefined;
  onChange: (tags: QueueForm['tags']) => void;
}

export function TagFields({ tags, problem, onChange }: TagFieldsProps) {
  const { t } = useI18n();
  const [focus] = useState(() => ({ current: undefined as undefined | (() => void) }));
  const change = (at: number, part: Partial<QueueForm['tags'][number]>) =>
    onChange(tags.map((tag, index) => (index === at ? { ...tag, ...part } : tag)));
  return (
    <SpaceBetween size="s">
      <AttributeEditor
        ref={(editor) => {
          focus.current = () => editor?.focusAddButton();
        }}
        items={tags}
        empty={t('form.noTags')}
        addButtonText={t('form.addTag')}
        removeButtonText={t('action.remove')}
        disableAddButton={tags.length >= 50}
        onAddButtonClick={() => onChange([...tags, { key: '', value: '' }])}
        onRemoveButtonClick={({ detail }) => {
          onChange(tags.filter((_, at) => at !== detail.itemIndex));
          focus.current?.();
        }}
        definition={[
          {
            label: t('form.key'),
            control: (tag, at) => (
              <Input
                ariaLabel={t('form.key')}
                value={tag.key}
                onChange={({ detail }) => change(at, { key: detail.value })}
              />
            ),
          },
          {
            label: t('form.value'),
            control: (tag, at) => (
              <Input
                ariaLabel={t('form.value')}
                value={tag.value}
                onChange={({ detail }) => change(at, { value: detail.value })}
              />
            ),
          },
        ]}
      />
      {problem !== undefined && <Box color="text-status-error">{problem}</Box>}
    </SpaceBetween>
  );
}
