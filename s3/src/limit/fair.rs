//! The waiting calls of one lane: serves accounts in turn, of each account its jobs in turn, and of each
//! job its calls in order. A job with a thousand waiting calls is served as often as one with ten.

use std::collections::VecDeque;

use brigade_model::ports::object_store::Caller;

/// A queue with one turn for each account, and in it one for each job.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    len: usize,
    /// Whose turn is next stands first. None is empty.
    accounts: VecDeque<Account<T>>,
}

#[derive(Debug)]
struct Account<T> {
    account: Option<u64>,
    jobs: VecDeque<(Option<Caller>, VecDeque<T>)>,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { len: 0, accounts: VecDeque::new() }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many of one caller wait.
    pub(super) fn len_of(&self, caller: Option<Caller>) -> usize {
        let account = caller.map(|caller| caller.account);
        let jobs = self.accounts.iter().filter(|known| known.account == account).flat_map(|known| &known.jobs);
        jobs.filter(|(known, _)| *known == caller).map(|(_, items)| items.len()).sum()
    }

    /// Behind what the same caller has waiting.
    pub(super) fn push(&mut self, caller: Option<Caller>, item: T) {
        self.len += 1;
        let account = caller.map(|caller| caller.account);
        let jobs = match self.accounts.iter_mut().find(|known| known.account == account) {
            Some(known) => &mut known.jobs,
            None => {
                self.accounts.push_back(Account { account, jobs: VecDeque::new() });
                let Some(new) = self.accounts.back_mut() else { return };
                &mut new.jobs
            }
        };
        match jobs.iter_mut().find(|(known, _)| *known == caller) {
            Some((_, items)) => items.push_back(item),
            None => jobs.push_back((caller, VecDeque::from([item]))),
        }
    }

    /// What [`FairQueue::pop`] gives next.
    pub(super) fn first(&self) -> Option<&T> {
        self.accounts.front()?.jobs.front()?.1.front()
    }

    /// The next in turn; its job and its account go behind the others.
    pub(super) fn pop(&mut self) -> Option<T> {
        let mut account = self.accounts.pop_front()?;
        let (caller, mut items) = account.jobs.pop_front()?;
        let item = items.pop_front()?;
        self.len -= 1;
        if !items.is_empty() {
            account.jobs.push_back((caller, items));
        }
        if !account.jobs.is_empty() {
            self.accounts.push_back(account);
        }
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use brigade_model::JobId;

    use super::*;

    fn caller(account: &str, job: u128) -> Option<Caller> {
        Some(Caller::new(account, JobId::from_u128(job)))
    }

    #[test]
    fn accounts_take_turns_and_in_each_its_jobs_however_many_calls_they_have_waiting() {
        let mut queue = FairQueue::default();
        for n in 0..6 {
            queue.push(caller("greedy", 1), format!("greedy 1 {n}"));
        }
        for n in 0..2 {
            queue.push(caller("greedy", 2), format!("greedy 2 {n}"));
        }
        for n in 0..3 {
            queue.push(caller("modest", 3), format!("modest {n}"));
        }
        assert_eq!((queue.len(), queue.first().unwrap().as_str()), (11, "greedy 1 0"));
        assert_eq!(
            [("greedy", 2), ("modest", 3), ("modest", 4)].map(|(account, job)| queue.len_of(caller(account, job))),
            [2, 3, 0]
        );
        let served: Vec<String> = std::iter::from_fn(|| queue.pop()).collect();
        let first = ["greedy 1 0", "modest 0", "greedy 2 0", "modest 1", "greedy 1 1", "modest 2", "greedy 2 1"];
        assert_eq!(served[..7], first);
        assert_eq!(served[7..], ["greedy 1 2", "greedy 1 3", "greedy 1 4", "greedy 1 5"]);
        assert!(queue.is_empty() && queue.first().is_none());
    }
}
