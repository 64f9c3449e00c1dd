data "fabricmirror_gateway" "hub" {
  display_name = "hub"
}

output "gateway_id" {
  value = data.fabricmirror_gateway.hub.id
}
