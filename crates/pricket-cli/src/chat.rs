//! `pricket chat`: a conversation with a model.

mod command;
mod conversation;
mod editor;
mod stats;

use pricket::core::{CompletionProvider, Message, ModelInfo, UsageLedger};
use pricket::engine::Engine;

use self::command::Command;
use self::conversation::Conversation;
use self::editor::{Input, Line};

pub(crate) use self::editor::history_path;

use crate::answer::{self, Form};
use crate::args::ChatArgs;
use crate::config::{Config, SYSTEM};
use crate::error::CliError;
use crate::interrupt::Interrupt;
use crate::terminal::Terminal;
use crate::{load, locate, run};

/// Whether the conversation goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Listen,
    Leave,
}

/// Talks until the person leaves.
pub(crate) fn chat(
    args: &ChatArgs,
    config: &Config,
    terminal: &mut Terminal,
    interrupt: &Interrupt,
) -> Result<(), CliError> {
    let engine = load::engine(config.model(args.model.as_deref())?, config, terminal, interrupt)?;
    load::note_template(&engine, terminal);
    let mut input = Input::open(config)?;
    if input.is_editor() {
        terminal.note(format_args!("{}: /help tells the commands", engine.info().name));
    }
    let mut session = Session {
        info: priced(&engine, config)?,
        engine,
        config,
        conversation: Conversation::new(config.text(&SYSTEM)),
        ledger: UsageLedger::new(),
        conversations: 1,
    };
    // Ctrl-C stops an answer; pressed again, at the answer or at the empty line after it, it
    // leaves.
    let mut stopped = false;
    loop {
        let next = match input.next()? {
            Line::End => Next::Leave,
            Line::Interrupted if stopped => Next::Leave,
            Line::Interrupted => {
                terminal.note("Ctrl-C again leaves; so does /exit");
                stopped = true;
                continue;
            }
            Line::Text(text) => session.take(text.trim(), terminal, interrupt, &mut stopped)?,
        };
        if next == Next::Leave {
            input.close(terminal);
            return Ok(());
        }
    }
}

struct Session<'a> {
    engine: Engine,
    /// What the model is called, and costs where that is known.
    info: ModelInfo,
    config: &'a Config,
    conversation: Conversation,
    /// What was answered, to the end or until Ctrl-C, by conversation.
    ledger: UsageLedger,
    /// How many conversations were begun: `/clear` begins another.
    conversations: usize,
}

/// What the engine says of its model, with the price that the model data has for what its name
/// means. It runs here, so a provider's price is none of its own.
fn priced(engine: &Engine, config: &Config) -> Result<ModelInfo, CliError> {
    let mut info = engine.info().clone();
    let hub = locate::hub(config)?;
    let meant = hub.resolve(&info.name)?;
    let known = meant.info.as_ref().or_else(|| hub.catalog().find(&meant.reference.to_string()));
    let own = known.filter(|model| model.provider.is_none());
    info.price = own.and_then(|model| model.price.clone());
    Ok(info)
}

impl Session<'_> {
    /// Does what a line asks for.
    fn take(
        &mut self,
        line: &str,
        terminal: &mut Terminal,
        interrupt: &Interrupt,
        stopped: &mut bool,
    ) -> Result<Next, CliError> {
        *stopped = false;
        if line.is_empty() {
            return Ok(Next::Listen);
        }
        match Command::parse(line) {
            None => *stopped = self.say(line, terminal, interrupt)?,
            Some(Ok(Command::Exit)) => return Ok(Next::Leave),
            Some(Ok(Command::Help)) => terminal.note(command::HELP),
            Some(Ok(Command::Clear)) => {
                self.conversation.clear();
                self.conversations += 1;
                terminal.note("forgotten; the next message begins anew");
            }
            Some(Ok(Command::Stats)) => self.tell_stats(terminal),
            Some(Ok(Command::Save(path))) => match self.conversation.save(&path) {
                Ok(()) => terminal.note(format_args!("saved to {}", path.display())),
                Err(error) => terminal.error(&error),
            },
            Some(Err(wrong)) => terminal.note(wrong),
        }
        Ok(Next::Listen)
    }

    /// Says something to the model and shows its answer; tells whether Ctrl-C stopped it. What a
    /// person can mend, such as a full context, is told and the conversation goes on.
    fn say(
        &mut self,
        text: &str,
        terminal: &mut Terminal,
        interrupt: &Interrupt,
    ) -> Result<bool, CliError> {
        let request = self.conversation.request(Message::user(text));
        let before = self.engine.stats();
        let stream = self.engine.complete(run::with_knobs(request, self.config));
        match answer::show(stream, Form::Text, terminal, interrupt) {
            Ok(answer) => {
                let stopped = answer.interrupted;
                let usage = match &answer.completion {
                    Some(completion) => completion.usage,
                    None => self.spent_since(&before),
                };
                self.ledger.record(&self.session(), &self.info, &usage);
                // An answer that was stopped before its first word is as if nothing was asked.
                if !(stopped && answer.text.is_empty()) {
                    self.conversation.add(Message::user(text), answer);
                }
                Ok(stopped)
            }
            Err(error @ CliError::Report(_)) => {
                terminal.error(&error);
                if error.code() == "context_exceeded" {
                    terminal.note("/clear begins anew");
                }
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    /// The ledger's name for the conversation that is going on.
    fn session(&self) -> String {
        format!("conversation {}", self.conversations)
    }
}
