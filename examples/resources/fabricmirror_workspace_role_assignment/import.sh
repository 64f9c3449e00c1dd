# workspace/assignment
terraform import fabricmirror_workspace_role_assignment.instance '3095face-5f6a-4b7c-8d9e-0f1a2b3c4d09/1de47171-90ab-4cde-8f12-3456789abc04'
