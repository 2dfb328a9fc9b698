//! The program that embeds the server, as far as it asks for something.

use crate::cluster::Cluster;
use noex_server::base::ids::ListenerId;
use noex_server::node::{Call, EventPattern, Input};

impl Cluster {
    /// The embedding program asks a core for something, or to settle.
    pub(crate) fn call(&mut self, core: usize, request: Option<&str>) {
        let call = request.map_or(Call::Settle, Call::Request);
        self.call_as(core, 0, call);
    }

    /// The same for anything that it can ask for, under a number.
    pub(crate) fn call_as(&mut self, core: usize, number: u32, call: Call<'_>) {
        self.drive(core, Input::Call(number, call), None);
    }

    /// The embedding program listens to store events, or no more.
    pub(crate) fn listen(&mut self, number: u64, pattern: Option<&str>) {
        let listener = ListenerId(number);
        for core in 0..self.cores() {
            let input = match pattern {
                Some(pattern) => Input::Listen(listener, EventPattern::new(pattern)),
                None => Input::Unlisten(listener),
            };
            self.drive(core, input, None);
        }
    }
}
