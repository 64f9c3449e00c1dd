//! From `main` to the last byte: the handshake with the CLI, the socket, the services on it, and the end.

mod guard;
mod handshake;
mod log;
mod tls;

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::provider::{Provider, ProviderType};
use crate::wire::{Service, Surroundings, health, pb, plugin};

/// A request or answer may be this long: a plan over a large object must fit.
const MESSAGE_LIMIT: usize = 256 << 20;

/// A handler is one future of many: without optimisation its frames do not fit the usual 2 MiB.
pub(crate) const STACK: usize = 16 << 20;

/// A provider's `main`: serves the CLI that started this process, and ends with it.
pub fn serve<P: ProviderType>(provider: Provider<P>) -> ExitCode {
    let invitation = match handshake::Invitation::from_environment() {
        Ok(invitation) => invitation,
        Err(refusal) => {
            let _ = writeln!(std::io::stderr(), "{}", refusal.explain(P::NAME));
            return ExitCode::FAILURE;
        }
    };
    log::start(P::LOG_TARGETS);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_stack_size(STACK)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    let ended = runtime.block_on(run(provider, invitation));
    // Handlers that still run are abandoned: the CLI is gone, or has all its answers.
    runtime.shutdown_background();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error),
    }
}

fn fail(error: &(dyn std::error::Error + 'static)) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "the provider cannot serve: {error}");
    ExitCode::FAILURE
}

async fn run<P: ProviderType>(
    provider: Provider<P>,
    invitation: handshake::Invitation,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let guard = guard::Guard::new();
    ignore_interrupts()?;
    let mut terminated = signal(SignalKind::terminate())?;
    let identity = tls::Identity::generate()?;
    let acceptor = TlsAcceptor::from(Arc::new(identity.server_config(&invitation.client_certificate)?));
    let socket = handshake::Socket::create(invitation.socket_folder.as_deref())?;
    let listener = UnixListener::bind(socket.path())?;
    // The CLI dials as soon as it has read the line: everything before this is paid at every start of the process.
    handshake::announce(socket.path(), identity.certificate())?;

    let (stop, work) = (CancellationToken::new(), TaskTracker::new());
    let farewell = Arc::new(Notify::new());
    let (connections, incoming) = mpsc::channel(8);
    tokio::spawn(accept(listener, acceptor, guard.clone(), connections));

    let around = Surroundings { farewell: farewell.clone() };
    let server = tonic::transport::Server::builder()
        .add_service(plugin::grpc_controller_server::GrpcControllerServer::new(around.clone()))
        .add_service(plugin::grpc_broker_server::GrpcBrokerServer::new(around.clone()))
        .add_service(plugin::grpc_stdio_server::GrpcStdioServer::new(around.clone()))
        .add_service(health::health_server::HealthServer::new(around))
        .add_service(
            pb::provider_server::ProviderServer::new(Service::new(provider, stop.clone(), work.clone()))
                .max_decoding_message_size(MESSAGE_LIMIT)
                .max_encoding_message_size(MESSAGE_LIMIT),
        )
        .serve_with_incoming(ReceiverStream::new(incoming));
    tokio::select! {
        served = server => served?,
        // The streams the CLI opened stay open, so a graceful end would wait for ever. The answer to the farewell is
        // on its way once the handler has returned; one turn of the loop sends it.
        () = farewell.notified() => tokio::time::sleep(std::time::Duration::from_millis(2)).await,
        why = guard.orphaned() => {
            tracing::warn!(%why, "the CLI is gone");
            finish(&stop, &work).await;
        }
        _ = terminated.recv() => {
            tracing::warn!("asked to end");
            finish(&stop, &work).await;
        }
    }
    Ok(())
}

/// Tells every change that is under way to stop, and waits a while until it has.
async fn finish(stop: &CancellationToken, work: &TaskTracker) {
    stop.cancel();
    work.close();
    let _ = tokio::time::timeout(guard::GRACE, work.wait()).await;
}

/// Hands on every connection whose handshake succeeds. A peer that stalls holds up nobody else.
async fn accept(
    listener: UnixListener,
    acceptor: TlsAcceptor,
    guard: guard::Guard,
    connections: mpsc::Sender<std::io::Result<guard::Guarded<tokio_rustls::server::TlsStream<tokio::net::UnixStream>>>>,
) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::error!(%error, "a connection could not be accepted");
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
                continue;
            }
        };
        let (acceptor, connections, guard) = (acceptor.clone(), connections.clone(), guard.clone());
        tokio::spawn(async move {
            match tokio::time::timeout(tls::HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => {
                    let _ = connections.send(Ok(guard.watch(stream))).await;
                }
                Ok(Err(error)) => tracing::error!(%error, "a connection was refused"),
                Err(_) => tracing::error!("a connection was refused: it stalled in its handshake"),
            }
        });
    }
}

/// Ctrl-C reaches the whole process group. The CLI decides what it means and sends StopProvider.
fn ignore_interrupts() -> std::io::Result<()> {
    let mut interrupts = signal(SignalKind::interrupt())?;
    tokio::spawn(async move { while interrupts.recv().await.is_some() {} });
    Ok(())
}
