//! The services around the provider: farewell, broker, stdio, health.

use std::sync::Arc;

use tokio_stream::StreamExt;
use tonic::{Request, Response, Status};

use super::{health, plugin};

/// Answers the CLI's farewell by waking whoever waits on `farewell`.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings {
    pub farewell: Arc<tokio::sync::Notify>,
}

type Stream<T> = tonic::codegen::BoxStream<T>;

#[tonic::async_trait]
impl plugin::grpc_controller_server::GrpcController for Surroundings {
    async fn shutdown(&self, _: Request<plugin::Empty>) -> Result<Response<plugin::Empty>, Status> {
        self.farewell.notify_one();
        Ok(Response::new(plugin::Empty {}))
    }
}

#[tonic::async_trait]
impl plugin::grpc_broker_server::GrpcBroker for Surroundings {
    /// Held open and silent for as long as the CLI holds its end.
    async fn start_stream(
        &self,
        request: Request<tonic::Streaming<plugin::ConnInfo>>,
    ) -> Result<Response<Stream<plugin::ConnInfo>>, Status> {
        Ok(Response::new(Box::pin(request.into_inner().filter(|_| false))))
    }
}

#[tonic::async_trait]
impl plugin::grpc_stdio_server::GrpcStdio for Surroundings {
    async fn stream_stdio(&self, _: Request<()>) -> Result<Response<Stream<plugin::StdioData>>, Status> {
        Ok(Response::new(Box::pin(tokio_stream::pending())))
    }
}

#[tonic::async_trait]
impl health::health_server::Health for Surroundings {
    async fn check(
        &self,
        request: Request<health::HealthCheckRequest>,
    ) -> Result<Response<health::HealthCheckResponse>, Status> {
        if request.get_ref().service != "plugin" {
            return Err(Status::not_found("the one service here is called `plugin`"));
        }
        let status = health::health_check_response::ServingStatus::Serving as i32;
        Ok(Response::new(health::HealthCheckResponse { status }))
    }

    async fn watch(
        &self,
        _: Request<health::HealthCheckRequest>,
    ) -> Result<Response<Stream<health::HealthCheckResponse>>, Status> {
        Err(Status::unimplemented("ask with Check"))
    }
}
