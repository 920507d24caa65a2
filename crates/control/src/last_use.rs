//! When and from where keys and secrets were last used: told from memory, and
//! written down by a timer.

use std::sync::Arc;

use model::ids::KeyId;
use model::keys::SeenNetworks;
use model::secrets::SecretId;
use model::time::{Clock as _, Timestamp};

use crate::callers::UsedFrom;
use crate::control::Control;
use crate::error::ControlError;
use crate::store::{Claim, TimeWrite, Write};

/// Uses that are written in one transaction; between two, changes get their turn.
pub(crate) const USES_PER_TRANSACTION: usize = 1_000;

impl Control {
    /// When a key was last used, in this run or one before.
    pub fn last_used(&self, key: KeyId) -> Option<Timestamp> {
        self.0.callers.key_last_used(key)
    }

    /// When a secret was last used, in this run or one before.
    pub fn secret_last_used(&self, secret: SecretId) -> Option<Timestamp> {
        self.0.callers.secret_last_used(secret)
    }

    /// Where a secret was last used from, in this run or one before; `None` when
    /// that is not kept, or not known.
    pub fn secret_used_from(&self, secret: SecretId) -> Option<UsedFrom> {
        self.0.callers.secret_used_from(secret)
    }

    /// The networks that a key was used from.
    pub fn networks_of(&self, key: KeyId) -> SeenNetworks {
        let mut networks = self.0.callers.networks_of(key);
        networks.forget_old(self.0.options.clock.now());
        networks
    }

    /// Writes down the uses noted so far, and what was counted. For a timer, and for the end: uses
    /// that were not saved are forgotten with the process.
    pub async fn save_last_used(&self) -> Result<(), ControlError> {
        self.0.save_usage().await?;
        self.0.prune_usage().await?;
        self.0.save_derived().await?;
        self.0.save_news().await?;
        // Of charges that failed, if there are such.
        let _ = tokio::spawn(Arc::clone(&self.0).charge_waiting()).await;
        self.forget_sessions().await?;
        let mut unsaved = self.0.callers.unsaved(self.0.options.clock.now());
        unsaved.extend(self.0.people.unsaved());
        loop {
            // The writer is asked for even when there is nothing to save: so
            // a timer heals a database that was lost.
            let mut writer = self.0.writer().await?;
            writer.ballast.refill().await;
            let rest = unsaved.split_off(unsaved.len().min(USES_PER_TRANSACTION));
            let (mut writes, uses): (Vec<Write>, Vec<_>) =
                unsaved.into_iter().map(|unsaved| unsaved.split()).unzip();
            let now = self.0.options.clock.now();
            // What ended may be forgotten once it is written that it is so late.
            writes.push(Write::Time(TimeWrite::Mark(self.0.clock.to_mark())));
            writes.push(Write::ForgetDerived(now));
            writes.push(self.0.ledger.forget_batches(now));
            if rest.is_empty() {
                // Looks at all of them: once each time.
                writes.push(Write::TrimDerived);
            }
            let ordinal = writer.ordinal;
            self.0
                .carry_out(writer, writes, ordinal, Claim::Nothing, move |_| {
                    uses.iter().for_each(|saved| saved.is_saved());
                })
                .await?;
            if rest.is_empty() {
                return Ok(());
            }
            unsaved = rest;
        }
    }
}
