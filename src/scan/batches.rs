//! Several texts in as few requests as hold them, and whose a verdict on several is.

use std::ops::Range;
use std::time::Duration;

use tokio::task::JoinSet;

use super::client::{ScanClient, ScanJob, Scanned, on_this_thread};
use super::error::ScanError;
use super::request::{Metadata, ScanDirection};
use crate::transport::watch::Watch;

/// Of several texts so many requests are under way; each may be cut into pieces.
const BATCHES_AT_ONCE: usize = 4;
/// Once one text is known to be flagged the others have so much time, so that the next call need not scan them again.
const AFTER_A_HIT: Duration = Duration::from_millis(500);
/// Between texts that are scanned in one request.
const BETWEEN: &str = "\n\n";

/// Which texts of these lengths go together, in their order: as many as fit into `limit` characters.
fn batches(lengths: &[usize], limit: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<Range<usize>> = Vec::new();
    let mut characters = 0;
    for (index, length) in lengths.iter().enumerate() {
        let with_this = characters + BETWEEN.len() + length;
        match batches.last_mut() {
            Some(batch) if with_this <= limit => {
                batch.end = index + 1;
                characters = with_this;
            }
            _ => {
                batches.push(index..index + 1);
                characters = *length;
            }
        }
    }
    batches
}

impl ScanClient {
    /// Scans several texts as requests, in as few as hold them, and one more text next to them, within the deadline. Each
    /// gets its own result: where several went together and were not cleared, each of them is scanned by itself until one
    /// is flagged. Those without a verdict of their own get the one on all together, which counts more characters than
    /// they have; so do all of them where each is cleared alone. What happens to them next to a text can be seen in `watch`.
    ///
    /// # Errors
    /// The whole result, where nothing could be begun.
    pub fn scan_blocking_with(
        &self,
        job: Option<&ScanJob<'_>>,
        texts: &[String],
        metadata: &Metadata,
        watch: &Watch,
    ) -> Result<(Option<Scanned>, Vec<Scanned>), ScanError> {
        on_this_thread(async {
            // What the others meet says nothing of how far the text next to them came.
            let client = if job.is_some() { self.watched_by(watch.clone()) } else { self.clone() };
            let (others, metadata) = (texts.to_vec(), metadata.clone());
            let others = tokio::spawn(async move { client.scan_together(&others, &metadata).await });
            let own = match job {
                Some(job) => Some(self.scan(job).await),
                None => None,
            };
            let panicked = |_| texts.iter().map(|_| Err(ScanError::Internal)).collect();
            (own, others.await.unwrap_or_else(panicked))
        })
    }

    async fn scan_together(&self, texts: &[String], metadata: &Metadata) -> Vec<Scanned> {
        let lengths: Vec<usize> = texts.iter().map(|text| text.chars().count()).collect();
        let mut waiting = batches(&lengths, self.max_scan_length).into_iter();
        let mut results: Vec<Scanned> = texts.iter().map(|_| Err(ScanError::Internal)).collect();
        let mut running = JoinSet::new();
        loop {
            while running.len() < BATCHES_AT_ONCE {
                let Some(batch) = waiting.next() else { break };
                let texts: Vec<String> = texts.get(batch.clone()).unwrap_or_default().to_vec();
                let (client, metadata) = (self.clone(), metadata.clone());
                running.spawn(async move { (batch, client.scan_batch(&texts, &metadata).await) });
            }
            match running.join_next().await {
                None => return results,
                // What panicked keeps its error.
                Some(Err(_)) => {}
                Some(Ok((batch, found))) => {
                    for (place, result) in results.iter_mut().skip(batch.start).zip(found) {
                        *place = result;
                    }
                }
            }
        }
    }

    async fn scan_batch(&self, texts: &[String], metadata: &Metadata) -> Vec<Scanned> {
        let job =
            |content| ScanJob { content, direction: ScanDirection::Request, metadata: metadata.clone() };
        let joined = texts.join(BETWEEN);
        let together = self.scan(&job(&joined)).await;
        let is_hit = together.as_ref().is_ok_and(|report| !report.is_cleared());
        if texts.len() < 2 || !is_hit {
            return vec![together; texts.len()];
        }
        // Until one of them is known to be flagged, the verdict on all together stands for each that has none of its own.
        let mut results = vec![together.clone(); texts.len()];
        let (mut waiting, mut running) = (texts.iter().enumerate(), JoinSet::new());
        let (mut cleared, mut until) = (0, tokio::time::Instant::from_std(self.deadline) + AFTER_A_HIT);
        loop {
            while running.len() < BATCHES_AT_ONCE {
                let Some((index, text)) = waiting.next() else { break };
                let (client, text, metadata) = (self.clone(), text.clone(), metadata.clone());
                running.spawn(async move {
                    let job = ScanJob { content: &text, direction: ScanDirection::Request, metadata };
                    (index, client.scan(&job).await)
                });
            }
            let finished = tokio::time::timeout_at(until, running.join_next()).await;
            let Ok(Some(finished)) = finished else { break };
            if let Ok((index, Ok(report))) = finished {
                match report.is_cleared() {
                    true => cleared += 1,
                    false => until = until.min(tokio::time::Instant::now() + AFTER_A_HIT),
                }
                results.iter_mut().skip(index).take(1).for_each(|place| *place = Ok(report.clone()));
            }
        }
        // None is to blame alone.
        if cleared == texts.len() { vec![together; texts.len()] } else { results }
    }
}
