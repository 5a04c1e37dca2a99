//! Messages over a socket: a length, then JSON; descriptors beside the length.

use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::IsolationError;

const LENGTH_BYTES: usize = 4;
/// Most descriptors beside one message.
const MAX_DESCRIPTORS: usize = 4;
/// How often a wait asks whether it is still wanted.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A message is small and the other side reads before it works: longer than this it hangs.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// One end of the socket between a parent and its worker.
#[derive(Debug)]
pub struct Channel {
    socket: UnixStream,
}

impl Channel {
    /// Speaks over `socket`.
    pub fn new(socket: UnixStream) -> Self {
        Self { socket }
    }

    /// Sends `message`, with `descriptors` beside it.
    ///
    /// # Errors
    /// [`IsolationError::Channel`] when the other end is gone or does not read.
    pub fn send(
        &mut self,
        message: &impl Serialize,
        descriptors: &[BorrowedFd<'_>],
    ) -> Result<(), IsolationError> {
        let body = serde_json::to_vec(message).map_err(IsolationError::Malformed)?;
        let length = u32::try_from(body.len()).map_err(|_| IsolationError::TooLong {
            bytes: body.len() as u64,
            limit: u64::from(u32::MAX),
        })?;
        let send = || {
            self.socket.set_write_timeout(Some(SEND_TIMEOUT))?;
            send_length(&self.socket, length, descriptors)?;
            (&self.socket).write_all(&body)
        };
        send().map_err(IsolationError::Channel)
    }

    /// Waits until a message begins to arrive, without taking any of it: after giving up, the channel
    /// is as good as before.
    ///
    /// # Errors
    /// [`IsolationError::GivenUp`], [`IsolationError::Ended`], [`IsolationError::Channel`].
    pub fn wait(&mut self, given_up: &dyn Fn() -> bool) -> Result<(), IsolationError> {
        self.ask_now_and_then()?;
        loop {
            let mut first = [0_u8];
            match rustix::net::recv(&self.socket, &mut first, RecvFlags::PEEK) {
                Ok((0, _)) => return Err(IsolationError::Ended(None)),
                Ok(_) => return Ok(()),
                Err(error) if is_passing(&error.into()) => {}
                Err(error) => return Err(IsolationError::Channel(error.into())),
            }
            if given_up() {
                return Err(IsolationError::GivenUp);
            }
        }
    }

    fn ask_now_and_then(&self) -> Result<(), IsolationError> {
        let asking = self.socket.set_read_timeout(Some(ASK_EVERY));
        asking.map_err(IsolationError::Channel)
    }

    /// Waits for a message of at most `limit` bytes, until `given_up` says that nobody needs it.
    /// Descriptors beside it are closed.
    ///
    /// # Errors
    /// [`IsolationError::GivenUp`], [`IsolationError::Ended`] when the other end closes,
    /// [`IsolationError::TooLong`], [`IsolationError::Malformed`].
    pub fn receive<T: DeserializeOwned>(
        &mut self,
        limit: u32,
        given_up: &dyn Fn() -> bool,
    ) -> Result<T, IsolationError> {
        self.ask_now_and_then()?;
        let mut length = [0; LENGTH_BYTES];
        self.fill(&mut length, given_up)?;
        let mut body = vec![0; checked_length(length, limit)?];
        self.fill(&mut body, given_up)?;
        serde_json::from_slice(&body).map_err(IsolationError::Malformed)
    }

    /// Waits without end for a message with exactly `N` descriptors beside it: the worker's side.
    ///
    /// # Errors
    /// As [`Self::receive`], and [`IsolationError::Descriptors`].
    pub fn receive_with_descriptors<T: DeserializeOwned, const N: usize>(
        &mut self,
        limit: u32,
    ) -> Result<(T, [OwnedFd; N]), IsolationError> {
        let forever = self.socket.set_read_timeout(None);
        forever.map_err(IsolationError::Channel)?;
        let (length, descriptors) = self.receive_length()?;
        let mut body = vec![0; checked_length(length, limit)?];
        self.fill(&mut body, &|| false)?;
        let message = serde_json::from_slice(&body).map_err(IsolationError::Malformed)?;
        let descriptors = (descriptors.try_into())
            .map_err(|unexpected: Vec<_>| IsolationError::Descriptors(unexpected.len()))?;
        Ok((message, descriptors))
    }

    fn receive_length(&self) -> Result<([u8; LENGTH_BYTES], Vec<OwnedFd>), IsolationError> {
        let mut length = [0; LENGTH_BYTES];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
        let mut beside = RecvAncillaryBuffer::new(&mut space);
        let mut into = [IoSliceMut::new(&mut length)];
        let received = recvmsg(
            &self.socket,
            &mut into,
            &mut beside,
            RecvFlags::CMSG_CLOEXEC | RecvFlags::WAITALL,
        );
        let received = received.map_err(|error| IsolationError::Channel(error.into()))?;
        if received.bytes < LENGTH_BYTES {
            return Err(IsolationError::Ended(None));
        }
        let mut descriptors = Vec::new();
        for message in beside.drain() {
            if let RecvAncillaryMessage::ScmRights(arrived) = message {
                descriptors.extend(arrived);
            }
        }
        Ok((length, descriptors))
    }

    fn fill(
        &mut self,
        mut buffer: &mut [u8],
        given_up: &dyn Fn() -> bool,
    ) -> Result<(), IsolationError> {
        while !buffer.is_empty() {
            match self.socket.read(buffer) {
                Ok(0) => return Err(IsolationError::Ended(None)),
                Ok(count) => buffer = &mut buffer[count..],
                Err(error) if is_passing(&error) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(IsolationError::Ended(None));
                }
                Err(error) => return Err(IsolationError::Channel(error)),
            }
            // Also while bytes arrive: one a second would keep the wait alive for ever.
            if given_up() {
                return Err(IsolationError::GivenUp);
            }
        }
        Ok(())
    }
}

fn send_length(socket: &UnixStream, length: u32, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let bytes = length.to_le_bytes();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_DESCRIPTORS))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Four bytes are sent whole or not at all.
    sendmsg(
        socket,
        &[IoSlice::new(&bytes)],
        &mut beside,
        SendFlags::NOSIGNAL,
    )?;
    Ok(())
}

fn checked_length(length: [u8; LENGTH_BYTES], limit: u32) -> Result<usize, IsolationError> {
    let bytes = u32::from_le_bytes(length);
    if bytes > limit {
        return Err(IsolationError::TooLong {
            bytes: u64::from(bytes),
            limit: u64::from(limit),
        });
    }
    Ok(bytes as usize)
}

fn is_passing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}
