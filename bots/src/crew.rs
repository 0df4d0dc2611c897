//! Who the bots of a plan are: what makes bot `i` out of a game and a plan.

use std::sync::Arc;
use std::time::Duration;

use tickwire_shared::delta::StatePool;
use tickwire_shared::{Game, JoinRequest};

use crate::behaviour::Minds;
use crate::link::Conditions;
use crate::plan::{Depth, Plan};
use crate::session::{Chaotic, Ended, Failure, Player, Raw, Script, Session, Watcher};
use crate::worker::Crew;

/// One player in so many decodes all for itself, as one does that is its process's only client. A prime: threads take turns.
const ALONE_IN: usize = 17;

/// Players and watchers of a game.
pub(crate) struct Players<G: Game> {
    plan: Plan,
    minds: Arc<Minds<G>>,
}

impl<G: Game> Players<G> {
    pub(crate) fn new(plan: Plan, minds: Minds<G>) -> Self {
        Self::sharing(plan, Arc::new(minds))
    }

    pub(crate) fn sharing(plan: Plan, minds: Arc<Minds<G>>) -> Self {
        Self { plan, minds }
    }
}

impl<G: Game> Crew for Players<G> {
    fn session(&self, index: usize, pool: &StatePool) -> Result<Box<dyn Session>, Failure> {
        let (group, common) = (self.plan.group(index), &self.plan.request);
        let request = JoinRequest { name: format!("{}{index}", common.name), ..common.clone() };
        let session: Box<dyn Session> = if group.depth == Depth::Watch {
            Box::new(Watcher::new::<G>(request))
        } else {
            let mind = self.minds.make(group.behaviour.as_deref(), self.seed(index));
            let pool = Some(pool).filter(|_| !index.is_multiple_of(ALONE_IN));
            let player = Player::<G, _>::new(request, mind, pool);
            Box::new(player.map_err(|error| Failure::NotJoined(Ended::Client(error)))?)
        };
        Ok(if group.chaos { Box::new(Chaotic::new(session, self.seed(index))) } else { session })
    }

    fn link(&self, index: usize) -> Conditions {
        self.plan.group(index).link
    }

    fn seed(&self, index: usize) -> u64 {
        self.plan.seed.wrapping_add(index as u64)
    }
}

/// Connections to any server.
pub(crate) struct Connections {
    pub(crate) plan: Plan,
    pub(crate) script: Arc<Script>,
    /// Time between the server's own messages, if it is known.
    pub(crate) every: Option<Duration>,
    pub(crate) subprotocol: Option<String>,
}

impl Crew for Connections {
    fn session(&self, _index: usize, _pool: &StatePool) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(Raw::new(Arc::clone(&self.script), self.every, self.subprotocol.clone())))
    }

    fn link(&self, index: usize) -> Conditions {
        self.plan.group(index).link
    }

    fn seed(&self, index: usize) -> u64 {
        self.plan.seed.wrapping_add(index as u64)
    }
}
