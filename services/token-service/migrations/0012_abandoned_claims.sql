-- Claims that ran out without a result are looked for every second.
CREATE INDEX accounts_claimed ON accounts (lease_until) WHERE lease_owner IS NOT NULL;
